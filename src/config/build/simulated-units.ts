import { integerRangeOf, widthOf } from '../../point-types.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import type {
  Fault,
  ScriptedFault,
  SimulatedPointSettings,
  SimulatedUnitSettings,
  ValueShape,
} from '../../simulation.ts'
import { holdable, reachOf } from '../../simulation.ts'
import type { Path } from '../problem.ts'
import type { Profile } from '../profile-file.ts'
import type { FaultEntry, SimulationFile } from '../schema/simulation.ts'
import type { Context } from './context.ts'

type DeviceEntry = SimulationFile['devices'][string]

export interface UnitOfConnection {
  readonly connection: string
  readonly unit: SimulatedUnitSettings
}

/** The units of a simulation. What is wrong is told. */
export function buildUnits(
  context: Context,
  from: { readonly file: SimulationFile; readonly devices: readonly DeviceSettings[] },
): UnitOfConnection[] {
  const users = new Map<string, string>()
  return from.devices.flatMap((device) => {
    const entry = from.file.devices[device.name]
    const connection = from.file.connections[device.connection]
    if (!entry || !connection) return []
    const path = ['devices', device.name]
    const user = `${device.connection} ${device.unitId}`
    const other = users.get(user)
    if (other !== undefined) {
      const place = context.written([...path, 'unit_id']) ? [...path, 'unit_id'] : path
      context.error(place, `devices.${other} has unit_id ${device.unitId} on ${device.connection} already`, {
        hint: 'each unit of a connection needs an address of its own',
        at: place === path ? 'key' : 'value',
      })
    }
    users.set(user, device.name)
    const faults = entry.faults.map((fault, index) => {
      const place = [...path, 'faults', index]
      checkFault(context, place, { fault, type: connection.type })
      return scripted(fault, device.unitId * 1_000 + index)
    })
    return [{ connection: device.connection, unit: { ...unitOf(context, { device, entry }), faults } }]
  })
}

function unitOf(
  context: Context,
  from: { readonly device: DeviceSettings; readonly entry: DeviceEntry },
): Omit<SimulatedUnitSettings, 'faults'> {
  const { device, entry } = from
  const path = ['devices', device.name, 'points']
  const profile = context.profiles.get(device.name)
  const points = device.points.map((point): SimulatedPointSettings => {
    const value = entry.points?.[point.name]?.value
    if (value === undefined) return { point }
    checkValue(context, [...path, point.name, 'value'], { point, value })
    return { point, value }
  })
  checkShared(context, path, points)
  return {
    name: device.name,
    unitId: device.unitId,
    points: [...identifying(profile, points), ...points],
    identity: identityOf(entry, device, profile),
    delayMs: entry.delay,
    ...(entry.functions === undefined ? {} : { functions: entry.functions }),
    registersMax: device.registersMax,
    holes: entry.holes,
  }
}

/** What the profile recognises its devices by, so that a scan recognises the simulated one. */
function identifying(
  profile: Profile | undefined,
  points: readonly SimulatedPointSettings[],
): readonly SimulatedPointSettings[] {
  const taken = (rule: PointSettings) =>
    points.some(({ point }) => point.register === rule.register && point.address === rule.address)
  return (profile?.identify ?? []).flatMap(({ point, equals: [value] }, index) => {
    if (value === undefined || taken(point)) return []
    return [{ point: { ...point, name: `identity_${index}` }, value: { kind: 'fixed', value }, isModelCode: true }]
  })
}

/** MODBUS Application Protocol V1.1b3, section 6.21. */
function identityOf(
  { identity }: DeviceEntry,
  device: DeviceSettings,
  profile: Profile | undefined,
): Readonly<Record<number, string>> {
  const texts = [
    identity.vendor ?? 'Tidegate',
    identity.product ?? device.profile ?? device.name,
    identity.revision ?? 'simulated',
    identity.vendor_url,
    identity.product_name ?? profile?.title,
    identity.model_name,
    identity.application,
  ]
  return Object.fromEntries(texts.flatMap((text, id) => (text === undefined ? [] : [[id, text]])))
}

function checkValue(
  context: Context,
  path: Path,
  { point, value }: { readonly point: PointSettings; readonly value: ValueShape },
): void {
  const wanted = wantedOf(point)
  const given = givenBy(value)
  if (wanted !== given) {
    const what = value.kind === 'fixed' ? `got ${JSON.stringify(String(value.value))}` : `a ${value.kind} is ${given}`
    context.error(path, `${point.name} holds ${wanted}, ${what}`)
    return
  }
  if (value.kind === 'fixed' && typeof value.value === 'string' && value.value.length > point.length * 2) {
    context.error(path, `has ${value.value.length} characters, the ${point.length} registers hold ${point.length * 2}`)
  }
  const reach = reachOf(value)
  const held = point.scaleFrom === undefined ? holdable(point) : undefined
  if (reach && held && (reach.min < held.min || reach.max > held.max)) {
    const reached = reach.min === reach.max ? `${reach.min}` : `${reach.min} to ${reach.max}`
    context.error(path, `${reached} does not fit: a ${point.type} holds ${held.min} to ${held.max} here`)
  }
  if (value.kind === 'fixed' && typeof value.value === 'number' && point.scaleFrom === undefined) {
    const nearest = integerRangeOf(point) ? nearestHeld(point, value.value) : value.value
    if (Math.abs(nearest - value.value) > Math.abs(point.scale) * 1e-6) {
      const how = point.scale === 1 ? '' : ` with scale ${point.scale}`
      context.error(path, `${value.value} does not fit: a ${point.type}${how} holds ${nearest} next to it`)
    }
  }
  if (value.kind === 'random' && value.min >= value.max) {
    context.error([...path, 'max'], `max ${value.max} is not above min ${value.min}`)
  }
}

/** Registers hold one value; bits of a register, and one value that is read in two ways, are meant. */
function checkShared(context: Context, path: Path, points: readonly SimulatedPointSettings[]): void {
  const whole = points.filter(({ point }) => point.type !== 'bit' && point.type !== 'bits')
  for (const [index, { point, value }] of whole.entries()) {
    const other = whole.slice(0, index).find((before) => {
      const isTogether = before.point.address === point.address && before.point.register === point.register
      return isTogether ? before.value && value : sharesRegisters(before.point, point)
    })
    if (!other || !context.written([...path, point.name])) continue
    const { name, register, address } = other.point
    const last = address + widthOf(other.point) - 1
    const place = last === address ? `${register} ${address}` : `${register} ${address} to ${last}`
    context.error([...path, point.name], `shares ${place} with ${name}, and cannot have a value of its own there`, {
      hint: 'give each point registers of its own',
      at: 'key',
    })
  }
}

function sharesRegisters(a: PointSettings, b: PointSettings): boolean {
  if (a.register !== b.register) return false
  return a.address < b.address + widthOf(b) && b.address < a.address + widthOf(a)
}

/** The value itself, or the nearest that whole raw numbers make. */
function nearestHeld({ scale, offset }: PointSettings, value: number): number {
  const raw = Math.round((value - offset) / scale)
  return Number((raw * scale + offset).toPrecision(15))
}

function wantedOf({ type, register }: PointSettings): string {
  if (type === 'bool' || type === 'bit' || register === 'coil' || register === 'discrete') return 'true or false'
  return type === 'string' ? 'a text' : 'a number'
}

function givenBy(value: ValueShape): string {
  if (value.kind === 'toggle') return 'true or false'
  if (value.kind !== 'fixed') return 'a number'
  if (typeof value.value === 'boolean') return 'true or false'
  return typeof value.value === 'string' ? 'a text' : 'a number'
}

function checkFault(context: Context, path: Path, { fault, type }: { fault: FaultEntry; type: string }): void {
  const refuse = (kind: string, why: string) => {
    if (fault.kind === kind) context.error([...path, 'kind'], `${kind} cannot happen on ${type}: ${why}`)
  }
  if (type === 'modbus-tcp') {
    refuse('crc', 'its frames have no checksum')
    refuse('echo', 'only two-wire lines give requests back')
  } else {
    refuse('wrong_transaction', 'only frames of modbus-tcp have a transaction')
  }
  if (fault.until !== undefined && fault.until <= fault.from) {
    context.error([...path, 'until'], 'until is not later than from, so it is never played')
  }
  if (fault.for !== undefined && fault.every === undefined) {
    context.error([...path, 'for'], 'for needs every', {
      hint: 'write until for a fault that is played once',
      at: 'key',
    })
  }
  if (fault.for !== undefined && fault.every !== undefined && fault.for >= fault.every) {
    context.error([...path, 'for'], 'for is not shorter than every, so it is always played', { hint: 'remove both' })
  }
}

function scripted(entry: FaultEntry, seed: number): ScriptedFault {
  return {
    fault: faultOf(entry),
    fromMs: entry.from,
    ...(entry.until === undefined ? {} : { untilMs: entry.until }),
    ...(entry.every === undefined ? {} : { everyMs: entry.every }),
    ...(entry.for === undefined ? {} : { forMs: entry.for }),
    ...(entry.times === undefined ? {} : { times: entry.times }),
    ...(entry.share === undefined ? {} : { share: entry.share.percent / 100 }),
    seed: entry.seed ?? seed,
  }
}

function faultOf(entry: FaultEntry): Fault {
  switch (entry.kind) {
    case 'slow':
    case 'late':
      return { kind: entry.kind, ms: entry.delay }
    case 'exception':
      return { kind: 'exception', code: entry.code }
    case 'foreign':
      return { kind: 'foreign', unitId: entry.unit_id }
    case 'torn':
      return { kind: 'torn', bytes: entry.bytes }
    case 'noisy':
      return { kind: 'noisy', where: entry.where }
    default:
      return { kind: entry.kind }
  }
}
