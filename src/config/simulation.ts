import { dirname } from 'node:path'
import type { SimulatedConnection, SimulationSettings } from '../simulation.ts'
import { Context } from './build/context.ts'
import { buildDevices } from './build/devices.ts'
import { checkNames } from './build/names.ts'
import { buildUnits, type UnitOfConnection } from './build/simulated-units.ts'
import { expandProfiles } from './expand.ts'
import { explain, valueAt } from './explain.ts'
import { parseFile, sorted } from './parsed-file.ts'
import { ConfigInvalid, counted, type Finding, type Path, type Problem } from './problem.ts'
import { profileFolders } from './profiles.ts'
import { applySchema } from './prune.ts'
import { ownDeviceKeys, type SimulationFile, simulation } from './schema/simulation.ts'
import { readSource } from './source.ts'
import { wording } from './wording.ts'

export interface LoadedSimulation {
  readonly settings: SimulationSettings
  /** What is allowed but odd, in the order of the file. */
  readonly warnings: readonly Problem[]
}

export interface SimulationPlaces {
  /** Where profiles are looked for, first ones first. Default: beside the file, on this machine, in the program. */
  readonly profileFolders?: readonly string[]
}

/** Reads and checks a simulation file. Throws ConfigInvalid with every problem at once. */
export function loadSimulation(path: string, places: SimulationPlaces = {}): LoadedSimulation {
  return parseSimulation(readSource(path), path, places)
}

/**
 * As `loadSimulation`, from a text. The language is that of the configuration: devices and points are read by the same
 * rules, and have some keys more.
 */
export function parseSimulation(text: string, file: string, places: SimulationPlaces = {}): LoadedSimulation {
  const parsed = parseFile(text, file)
  const { tree } = parsed
  const checked = simulation.safeParse(tree.value, { error: wording })
  const explained = checked.success ? [] : explain(checked.error.issues, tree.value)
  const wrong = explained.filter((one) => !parsed.isTold(one))
  const folders = places.profileFolders ?? profileFolders(dirname(file))
  const expanded = expandProfiles(withoutOwnKeys(tree.value), folders)
  const context = contextOf(expanded, { folder: dirname(file), folders, wrong, source: tree.source.bind(tree) })
  const settings = context && checked.success ? build(context, checked.data) : buildNothing(context)
  const errors = [...wrong, ...expanded.errors, ...(context?.errors ?? [])]
  const found = [...errors].map((one) => parsed.problemOf(one))
  const problems = [...sorted(unique([...parsed.problems, ...found])), ...expanded.problems]
  if (problems.length > 0 || settings === undefined) throw refused(file, problems)
  const warnings = sorted((context?.warnings ?? []).filter(isAboutSimulation).map((one) => parsed.problemOf(one)))
  return { settings, warnings }
}

function refused(file: string, problems: readonly Problem[]): ConfigInvalid {
  const title = `the simulation ${file} has ${counted(problems.length, 'error')}`
  return new ConfigInvalid(problems, { title, hint: `correct the file, then: tidegate simulate ${file}` })
}

function build(context: Context, file: SimulationFile): SimulationSettings {
  const devices = devicesOf(context)
  const units = buildUnits(context, { file, devices })
  return { connections: Object.entries(file.connections).map((entry) => connectionOf(context, entry, units)) }
}

/** The devices are looked through all the same, for what else is wrong. */
function buildNothing(context: Context | undefined): undefined {
  if (context) devicesOf(context)
  return undefined
}

function devicesOf(context: Context) {
  checkNames(context)
  return buildDevices(context)
}

function connectionOf(
  context: Context,
  [name, written]: [string, SimulationFile['connections'][string]],
  all: readonly UnitOfConnection[],
): SimulatedConnection {
  const path = ['connections', name]
  const units = all.filter(({ connection }) => connection === name).map(({ unit }) => unit)
  if (units.length === 0) context.warning(path, 'no device is on this connection', { at: 'key' })
  if ('host' in written) {
    const { type, host, port, line } = written
    const unknownUnit = type === 'modbus-tcp' ? unknownUnits[written.unknown_unit] : 'silent'
    return { type, name, units, host, port, unknownUnit, ...(line && { line }) }
  }
  const { type, port, line } = written
  if (!port.startsWith('/')) {
    context.error([...path, 'port'], `expected the path of a serial port, got "${port}"`, {
      hint: 'such as /dev/ttyUSB0, or one end of a pair that socat makes',
    })
  }
  if (type === 'modbus-rtu' && line.dataBits !== 8) {
    context.error([...path, 'line'], 'Modbus RTU needs 8 data bits', { hint: 'or is modbus-ascii meant?' })
  }
  return { type, name, units, port, line, simulateLine: written.simulate_line }
}

const unknownUnits = { silent: 'silent', exception_10: 10, exception_11: 11 } as const

/** Keys that say how a device is asked are taken along from a configuration and have no meaning here. */
function isAboutSimulation({ path }: Finding): boolean {
  return !['min', 'max', 'report', 'deadband', 'at_least_every', 'interval'].includes(String(path.at(-1)))
}

/** The file as a configuration would have it: without what only a simulation has. */
function withoutOwnKeys(value: unknown): unknown {
  const devices = Object.entries(valueAt(value, ['devices']) ?? {}).map(([name, device]): [string, unknown] => {
    if (!isBlock(device)) return [name, device]
    const { points, ...rest } = omit(device, ownDeviceKeys)
    if (!isBlock(points)) return [name, points === undefined ? rest : { ...rest, points }]
    const plain = Object.entries(points).map(([key, point]) => [key, isBlock(point) ? omit(point, ['value']) : point])
    return [name, { ...rest, points: Object.fromEntries(plain) }]
  })
  return { ...Object(value), devices: Object.fromEntries(devices) }
}

function contextOf(
  expanded: ReturnType<typeof expandProfiles>,
  given: {
    readonly folder: string
    readonly folders: readonly string[]
    readonly wrong: readonly Finding[]
    readonly source: (path: Path) => string | undefined
  },
): Context | undefined {
  // Whatever stands in the connections of a simulation, these are asked of devices that are reached by them.
  const devices = valueAt(expanded.value, ['devices'])
  const { usable } = applySchema({ version: 1, connections: {}, uplinks: {}, devices: devices ?? {} })
  if (usable === undefined) return undefined
  return new Context(usable, {
    raw: expanded.value,
    host: { env: {}, folder: given.folder, hostname: 'simulation', serialFolder: '', profileFolders: given.folders },
    profiles: expanded.profiles,
    source: (path) => given.source(path) ?? expanded.source(path),
    misspelt: given.wrong.flatMap(({ meant }) => (meant === undefined ? [] : [meant])),
  })
}

function unique(problems: readonly Problem[]): Problem[] {
  const byPlace = new Map(problems.map((one) => [`${one.line}:${one.column} ${one.message}`, one]))
  return [...byPlace.values()]
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function omit(block: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(block).filter(([key]) => !keys.includes(key)))
}
