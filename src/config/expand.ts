import { valueAt } from './explain.ts'
import { glob } from './glob.ts'
import { overlay } from './overlay.ts'
import { ConfigInvalid, type Finding, type Path, type Problem } from './problem.ts'
import type { Profile, ReadProfile } from './profile-file.ts'
import { findProfile, unknownProfile } from './profiles.ts'
import { nearest } from './suggest.ts'

/** A configuration with the points of the profiles written out. */
export interface Expanded {
  readonly value: unknown
  /** By device; undefined: it is wrong, and told in `errors` or `problems`. */
  readonly profiles: ReadonlyMap<string, Profile | undefined>
  /** What is wrong in the configuration. */
  readonly errors: readonly Finding[]
  /** What is wrong in files of profiles. */
  readonly problems: readonly Problem[]
  /** The scalar as written in the profile, for what the configuration does not say itself. */
  source(path: Path): string | undefined
}

type Block = Record<string, unknown>

/** Keys that say where a point is. */
const places = ['ref', 'address', 'register']

/**
 * Writes the points of its profile into each device that names one, as if they stood in the configuration. What the
 * configuration says itself goes before, key by key.
 */
export function expandProfiles(value: unknown, folders: readonly string[]): Expanded {
  const reader = new Reader(folders)
  const profiles = new Map<string, ReadProfile | undefined>()
  const errors: Finding[] = []
  const expanded = new Map(devicesOf(value))
  for (const [name, device] of expanded) {
    if (!isModbusDevice(value, device) || typeof device['profile'] !== 'string') continue
    const path = ['devices', name]
    const read = reader.read(device['profile'], (finding) => errors.push({ ...finding, path: [...path, 'profile'] }))
    profiles.set(name, read)
    const isOnBus = connectionType(value, device) !== 'modbus-tcp'
    expanded.set(name, read ? merge(device, read, { path, errors, isOnBus }) : { ...device, points: {} })
  }
  return {
    value: profiles.size === 0 ? value : { ...Object(value), devices: Object.fromEntries(expanded) },
    profiles: new Map([...profiles].map(([name, read]) => [name, read?.profile])),
    errors,
    problems: reader.problems,
    source: ([section, name, ...rest]) =>
      section === 'devices' ? profiles.get(String(name))?.tree.source(rest) : undefined,
  }
}

/** Each profile is read once, however many devices are of its kind. */
class Reader {
  readonly problems: Problem[] = []
  readonly #folders: readonly string[]
  readonly #read = new Map<string, ReadProfile | undefined>()
  readonly #broken = new Set<string>()

  constructor(folders: readonly string[]) {
    this.#folders = folders
  }

  read(name: string, complain: (finding: Omit<Finding, 'path'>) => void): ReadProfile | undefined {
    if (!this.#read.has(name)) this.#read.set(name, this.#find(name))
    const read = this.#read.get(name)
    if (read === undefined && !this.#broken.has(name)) {
      complain({ at: 'value', ...unknownProfile(name, this.#folders) })
    }
    return read
  }

  #find(name: string): ReadProfile | undefined {
    try {
      return findProfile(name, this.#folders)
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      this.problems.push(...error.problems)
      this.#broken.add(name)
      return undefined
    }
  }
}

function merge(
  device: Block,
  read: ReadProfile,
  context: { readonly path: Path; readonly errors: Finding[]; readonly isOnBus: boolean },
): Block {
  const { tree, profile } = read
  const defaults: Block = { ...valueAt(tree.value, ['device']) }
  // The device says when it is read.
  if (Object.hasOwn(device, 'schedule')) delete defaults['interval']
  // On a bus the address is chosen by whoever installed the device.
  if (!context.isOnBus && profile.unitId !== undefined) defaults['unit_id'] = profile.unitId
  const own = device['points'] ?? {}
  if (typeof own !== 'object' || Array.isArray(own)) return { ...defaults, ...device } // wrong, and told by the schema
  const chosen = choose(device, profile, { ...context, own: Object.keys(own) })
  const points: Block = {}
  for (const [name, point] of Object.entries(valueAt(tree.value, ['points']) ?? {})) {
    const { essential: _, ...base } = point
    if (chosen.has(name)) points[name] = Object.hasOwn(own, name) ? overlay(base, Reflect.get(own, name)) : base
  }
  return { ...defaults, ...device, points: { ...points, ...added(own, profile, context) } }
}

/** Points that only the configuration has. One that says nothing of its place was meant to adjust one of the profile. */
function added(own: object, profile: Profile, context: { readonly path: Path; readonly errors: Finding[] }): Block {
  const names = profile.points.map((point) => point.name)
  const others = Object.entries(own).filter(([name]) => !names.includes(name))
  const isPlaced = (point: unknown) => typeof point !== 'object' || point === null || places.some((key) => key in point)
  for (const [name, point] of others) {
    if (isPlaced(point)) continue
    const finding = noSuchPoint([...context.path, 'points', name], { glob: name, names })
    const hint = 'a point that is not in the profile needs ref or address'
    context.errors.push({ ...finding, at: 'key', hint })
  }
  return Object.fromEntries(others.filter(([, point]) => isPlaced(point)))
}

/** Names of the profile's points that are wanted, with those that hold their scale. */
function choose(
  device: Block,
  profile: Profile,
  context: { readonly path: Path; readonly errors: Finding[]; readonly own: readonly string[] },
): Set<string> {
  const names = profile.points.map((point) => point.name)
  const matching = (key: string) => {
    const list: unknown = device[key]
    const globs = Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []
    return globs.flatMap((one, index) => {
      const found = names.filter(glob(one))
      if (found.length === 0) context.errors.push(noSuchPoint([...context.path, key, index], { glob: one, names }))
      return found
    })
  }
  const told = context.errors.length
  const listed = Object.hasOwn(device, 'include') ? matching('include') : names
  const excluded = matching('exclude')
  // With a name that leads nowhere it is not known which points are wanted.
  const included = context.errors.length > told ? names : listed
  const chosen = new Set(included.filter((name) => !excluded.includes(name)))
  for (const name of context.own) if (names.includes(name)) chosen.add(name)
  for (const { name, scaleFrom } of profile.points)
    if (scaleFrom !== undefined && chosen.has(name)) chosen.add(scaleFrom)
  return chosen
}

function noSuchPoint(path: Path, options: { readonly glob: string; readonly names: readonly string[] }): Finding {
  const near = nearest(options.glob, options.names)
  const meant = near === undefined ? '' : `; did you mean "${near}"?`
  return { path, at: 'value', message: `no point of the profile is called "${options.glob}"${meant}` }
}

function devicesOf(value: unknown): [name: string, device: unknown][] {
  const devices = valueAt(value, ['devices'])
  return devices === undefined || Array.isArray(devices) ? [] : Object.entries(devices)
}

function isModbusDevice(value: unknown, device: unknown): device is Block {
  if (typeof device !== 'object' || device === null) return false
  const type = connectionType(value, device)
  return type === undefined || !type.startsWith('serial-')
}

/** Undefined where the file does not say so, which is told elsewhere. */
function connectionType(value: unknown, device: object): string | undefined {
  const connection: unknown = Reflect.get(device, 'connection')
  if (typeof connection !== 'string') return undefined
  const type: unknown = Reflect.get(valueAt(value, ['connections', connection]) ?? {}, 'type')
  return typeof type === 'string' ? type : undefined
}
