import type { GroupTarget, PointTarget } from '../../command-settings.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Command } from '../schema/command.ts'
import type { Context } from './context.ts'
import { checkName, name } from './name.ts'

interface Options {
  readonly command: Command
  readonly write: NonNullable<Command['write']>
  readonly devices: readonly DeviceSettings[]
}

/** A point that is written. */
interface Written {
  readonly place: Path
  /** As written: device.point. */
  readonly text: string
  readonly device: string
  readonly point: string
  /** Undefined: the point is wrong, and told. */
  readonly settings: PointSettings | undefined
  /** Of a group: the name of the point in the value; undefined: that of the point. */
  readonly alias: string | undefined
}

/** The point or points a command writes; undefined when that is wrong, which is told. */
export function buildWrite(context: Context, path: Path, options: Options): PointTarget | GroupTarget | undefined {
  const { command, write, devices } = options
  const entries = entriesOf([...path, 'write'], write)
  const found = entries.flatMap((entry) => resolve(context, { ...entry, devices }) ?? [])
  const [first] = found
  if (first === undefined || found.length < entries.length) return undefined
  const told = context.errors.length
  if (typeof write !== 'string') checkGroup(context, found)
  for (const one of found) checkAccess(context, one, devices)
  checkVerify(context, path, { command, found })
  if (context.errors.length > told) return undefined
  const { device, point } = first
  const { verify } = command
  if (typeof write === 'string') return { type: 'point', device, point, verify }
  const points = found.map((one) => ({ name: one.alias ?? one.point, point: one.point }))
  return { type: 'group', device, points, verify }
}

type Entry = Pick<Written, 'place' | 'text' | 'alias'>

function entriesOf(place: Path, write: Options['write']): Entry[] {
  if (typeof write === 'string') return [{ place, text: write, alias: undefined }]
  if (Array.isArray(write)) {
    return write.map((text, index) => ({ place: [...place, index], text, alias: undefined }))
  }
  return Object.entries(write).map(([alias, text]) => ({ place: [...place, alias], text, alias }))
}

function resolve(
  context: Context,
  { devices: built, ...entry }: Entry & { readonly devices: readonly DeviceSettings[] },
): Written | undefined {
  const { place, text } = entry
  const [, device = '', point = ''] = /^([^.]+)\.([^.]+)$/.exec(text) ?? []
  if (point === '') {
    context.error(place, `expected device.point, got "${text}"`)
    return undefined
  }
  const devices = context.names(['devices'])
  if (!devices.includes(device)) {
    context.dangling(place, { kind: 'device', name: device, known: devices })
    return undefined
  }
  if (context.lacksProfile(device)) return undefined // what points it has is not known
  const points = context.names(['devices', device, 'points'])
  if (!points.includes(point)) {
    context.dangling(place, { kind: `point of ${device}`, name: point, known: points })
    return undefined
  }
  const settings = built.find((one) => one.name === device)?.points.find((one) => one.name === point)
  return { ...entry, device, point, settings }
}

function checkGroup(context: Context, found: readonly Written[]): void {
  const [first] = found
  const seen = new Set<string>()
  for (const { place, text, device, alias } of found) {
    if (alias !== undefined) checkName(context, place, name)
    if (alias !== undefined && /^(0|[1-9]\d*)$/.test(alias)) {
      const hint = `begin the name with a letter: p${alias}`
      context.error(place, `"${alias}" is a number, and the order of such names gets lost`, { hint, at: 'key' })
    }
    if (first !== undefined && device !== first.device) {
      const hint = 'the points of a group are of one device; make a command for each'
      context.error(place, `${text} is not a point of ${first.device}`, { hint })
    }
    if (seen.has(text)) context.error(place, `${text} is in this group already`, { hint: 'remove one of them' })
    seen.add(text)
  }
}

function checkAccess(context: Context, written: Written, devices: readonly DeviceSettings[]): void {
  const { place, text, settings } = written
  if (settings?.access !== 'ro') return
  const speaks = devices.find((one) => one.name === written.device)?.pattern !== undefined
  const hint = speaks
    ? 'a text device takes texts: write send: { device, text } in place of write'
    : `add access: rw to devices.${written.device}.points.${written.point}`
  context.error(place, `${text} is read-only`, { hint })
}

function checkVerify(
  context: Context,
  path: Path,
  options: { readonly command: Command; readonly found: readonly Written[] },
): void {
  const { command, found } = options
  const unreadable = found.find(({ settings }) => settings?.access === 'wo')
  if (unreadable !== undefined && command.verify === 'read_back') {
    context.error([...path, 'verify'], `${unreadable.text} has access wo and cannot be read back`, {
      hint: 'write verify: none',
    })
  }
  const isReadable = found.every(({ settings }) => settings?.access === 'rw')
  if (isReadable && !context.attempted([...path, 'verify'])) {
    context.warning(path, 'no verify: the device acknowledges the write, but nobody reads it back', {
      at: 'key',
      hint: 'write verify: read_back, or verify: none if that is meant',
    })
  }
}
