import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { Settings } from '../settings.ts'
import { buildSettings } from './build/build.ts'
import { Context, type Host } from './build/context.ts'
import { expandProfiles } from './expand.ts'
import { explain, valueAt } from './explain.ts'
import { parseFile, sorted } from './parsed-file.ts'
import { serialFolder } from './ports.ts'
import { ConfigInvalid, counted, type Finding, type Path, type Problem } from './problem.ts'
import { profileFolders } from './profiles.ts'
import { applySchema } from './prune.ts'
import { readSource } from './source.ts'

export interface Loaded {
  /** Complete and frozen. */
  readonly settings: Settings
  /** What is allowed but odd, in the order of the file. */
  readonly warnings: readonly Problem[]
  readonly summary: Summary
}

/** How much there is of everything. */
export interface Summary {
  readonly connections: number
  readonly devices: number
  readonly points: number
  readonly commands: number
  readonly uplinks: number
}

/** Where the configuration looks beside its own file. Default: this process and this machine. */
export type LoadOptions = Partial<Host>

/** Reads and checks a configuration file. Throws ConfigInvalid with every problem at once. */
export function loadSettings(path: string, options: LoadOptions = {}): Loaded {
  return parseSettings(readSource(path), path, options)
}

/** As `loadSettings`, from a text; `file` names it in problems, and paths in it are relative to its folder. */
export function parseSettings(text: string, file: string, options: LoadOptions = {}): Loaded {
  const host = hostOf(file, options)
  const parsed = parseFile(text, file)
  const { tree } = parsed
  const expanded = expandProfiles(tree.value, host.profileFolders)
  const { issues, usable } = applySchema(expanded.value)
  const errors = [...explain(issues, expanded.value).filter((one) => !parsed.isTold(one)), ...expanded.errors]
  const misspelt = errors.flatMap((error) => (error.meant === undefined ? [] : [error.meant]))
  const source = (path: Path) => tree.source(path) ?? expanded.source(path)
  const { value: raw, profiles } = expanded
  const context = usable && new Context(usable, { raw, host, profiles, source, misspelt })
  const settings = context && buildSettings(context)
  const problemOf = (finding: Finding) => parsed.problemOf(finding, placeOf(finding, tree.value))
  const found = [...errors, ...(context?.errors ?? [])].map(problemOf)
  const problems = [...sorted([...parsed.problems, ...found]), ...expanded.problems]
  if (problems.length > 0) throw new ConfigInvalid(problems, refusalOf(file, problems))
  if (context === undefined || settings === undefined) throw new Error('a file without issues always has a usable form')
  const warnings = context.warnings.filter((warning) => !isOfProfile(warning, tree.value))
  return { settings: freeze(settings), warnings: sorted(warnings.map(problemOf)), summary: summaryOf(settings) }
}

function hostOf(file: string, options: LoadOptions): Host {
  const folder = options.folder ?? dirname(file)
  return {
    env: options.env ?? process.env,
    folder,
    hostname: options.hostname ?? hostname(),
    serialFolder: options.serialFolder ?? serialFolder,
    profileFolders: options.profileFolders ?? profileFolders(folder),
  }
}

/** Does the finding concern a point that only the profile of the device has? */
function isOfProfile({ path }: Finding, written: unknown): boolean {
  const [section, device, block, point] = path
  if (section !== 'devices' || device === undefined || block !== 'points' || point === undefined) return false
  const own = valueAt(written, [section, device])
  return own !== undefined && Object.hasOwn(own, 'profile') && !Object.hasOwn(Reflect.get(own, block) ?? {}, point)
}

/** Where it is shown: what stands in no line of the file came with the profile. */
function placeOf(finding: Finding, written: unknown): Pick<Finding, 'path' | 'at'> {
  return isOfProfile(finding, written) ? { path: [...finding.path.slice(0, 2), 'profile'], at: 'value' } : finding
}

/** Where files of profiles are wrong too, the configuration is still the one to check again. */
function refusalOf(file: string, problems: readonly Problem[]): { title: string; hint: string } {
  const title = `the configuration ${file} has ${counted(problems.length, 'error')}`
  return { title, hint: `correct the file, then: tidegate check ${file}` }
}

function summaryOf(settings: Settings): Summary {
  const devices = settings.connections.flatMap((connection) => connection.devices)
  return {
    connections: settings.connections.length,
    devices: devices.length,
    points: devices.reduce((sum, device) => sum + device.points.length, 0),
    commands: settings.commands.length,
    uplinks: settings.uplinks.length,
  }
}

function freeze<T>(value: T): T {
  // The language cannot freeze bytes.
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value) && !ArrayBuffer.isView(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freeze(inner)
  }
  return value
}
