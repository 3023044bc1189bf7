import { ADDRESS_END } from '../../modbus-limits.ts'
import { bitsOf, widthOf } from '../../point-types.ts'
import type { PointSettings, PointType, RegisterTable } from '../../settings.ts'
import type { Path } from '../problem.ts'
import { parseRef, type RegisterPlace } from '../ref.ts'
import type { Device } from '../schema/device.ts'
import { type Point, pointDefaults, pointTypes } from '../schema/point.ts'
import { anyOf } from '../suggest.ts'
import { formatDuration } from '../units.ts'
import { checkBits, checkByteOrder } from './bits.ts'
import type { Findings } from './findings.ts'
import { buildMarkers } from './markers.ts'
import type { Inherited } from './reported.ts'
import { timesOf, traitsOf } from './traits.ts'

/** Types that are no register: `number` is a text, the others are bytes of a frame. */
const otherTypes: readonly PointType[] = ['number', 'int8', 'uint8']
const registerTypes = pointTypes.filter((type) => !otherTypes.includes(type))

/** What a point takes over from its Modbus device. */
export type ModbusDefaults = Inherited & Pick<Device, 'byte_order' | 'max_registers'>

/** A point of a Modbus device; undefined when it is wrong, which is told. */
export function buildPoint(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly device: ModbusDefaults },
): PointSettings | undefined {
  const { point, device } = options
  const before = findings.errors.length
  const place = placeOf(findings, path, point)
  const type = place && typeOf(findings, path, { point, register: place.register })
  if (place === undefined || type === undefined) return undefined
  findings.refuse(path, ['at'], 'has no meaning for a Modbus device')
  checkAccess(findings, path, { point, register: place.register })
  checkExtras(findings, path, { point, type })
  checkByteOrder(findings, path, { point, type })
  checkLimits(findings, path, point)
  const built: PointSettings = {
    ...traitsOf(findings, path, { point, device, type }),
    access: point.access,
    ...timesOf(findings, path, { point, device }),
    ...place,
    byteOrder: point.byte_order ?? (bitsOf(type) > 16 ? device.byte_order : pointDefaults.byteOrder),
    bit: point.bit ?? 0,
    ...(point.width === undefined ? {} : { width: point.width }),
    length: point.length ?? 1,
    ...(point.scale_from === undefined ? {} : { scaleFrom: point.scale_from }),
    invalid: buildMarkers(findings, path, { point, type }),
    ...(point.min === undefined ? {} : { min: point.min }),
    ...(point.max === undefined ? {} : { max: point.max }),
  }
  checkRange(findings, path, { point: built, device })
  checkReport(findings, path, built)
  return findings.errors.length === before ? built : undefined
}

function placeOf(findings: Findings, path: Path, point: Point): RegisterPlace | undefined {
  if (point.ref !== undefined) {
    const others = ['register', 'address'].filter((key) => findings.written([...path, key]))
    if (others.length > 0) {
      findings.error([...path, 'ref'], `ref and ${others.join(' and ')} exclude each other`, {
        hint: 'keep one of them',
        at: 'key',
      })
      return undefined
    }
    const parsed = parseRef(point.ref)
    if ('value' in parsed) return parsed.value
    findings.error([...path, 'ref'], parsed.problem, { hint: parsed.hint })
    return undefined
  }
  if (point.address === undefined) {
    if (findings.attempted([...path, 'address']) || findings.attempted([...path, 'ref'])) return undefined // wrong, and told
    const hint = 'address counts from 0; ref: 30013 is the notation of datasheets'
    findings.error(path, 'missing "address" or "ref"', { hint, at: 'key' })
    return undefined
  }
  return { register: point.register ?? pointDefaults.register, address: point.address }
}

function typeOf(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly register: RegisterTable },
): PointType | undefined {
  const { point, register } = options
  const place = [...path, 'type']
  if (register === 'coil' || register === 'discrete') {
    if (point.type === undefined || point.type === 'bool') return pointDefaults.bitType
    findings.error(place, `a ${register} is always bool, got ${point.type}`, {
      hint: 'remove type, or correct register or ref',
    })
    return undefined
  }
  if (point.type === undefined) {
    if (findings.attempted(place)) return undefined // wrong, and told
    findings.error(path, 'missing "type": how to read the register', { hint: anyOf(registerTypes), at: 'key' })
    return undefined
  }
  if (otherTypes.includes(point.type)) {
    const message =
      point.type === 'number' ? 'number is the type of text devices' : `${point.type} is a byte, and registers have two`
    findings.error(place, message, { hint: `a register is ${anyOf(registerTypes)}` })
    return undefined
  }
  return point.type
}

function checkAccess(findings: Findings, path: Path, options: { point: Point; register: RegisterTable }): void {
  const { point, register } = options
  if (point.access !== 'ro' && (register === 'input' || register === 'discrete')) {
    const writable = register === 'input' ? 'holding' : 'coil'
    findings.error([...path, 'access'], `the ${register} table can only be read`, {
      hint: `only ${writable} can be written to`,
    })
  }
}

function checkExtras(findings: Findings, path: Path, options: { point: Point; type: PointType }): void {
  const { type } = options
  checkBits(findings, path, { ...options, bits: 16 })
  if (type === 'string' && !findings.attempted([...path, 'length'])) {
    findings.error(path, 'missing "length": how many registers the text takes', { at: 'key' })
  }
  if (type !== 'string') findings.refuse(path, ['length'], `has no meaning for type ${type}`)
}

function checkLimits(findings: Findings, path: Path, point: Point): void {
  const { min, max } = point
  if (min !== undefined && max !== undefined && min >= max) {
    findings.error([...path, 'max'], `max ${max} is not above min ${min}`)
  }
  if (point.access !== 'ro') return
  for (const key of ['min', 'max']) {
    if (!findings.written([...path, key])) continue
    findings.warning([...path, key], `${key} limits what commands write, and this point is read-only`, { at: 'key' })
  }
}

function checkReport(findings: Findings, path: Path, { report, intervalMs }: PointSettings): void {
  const every = report?.atLeastEveryMs
  if (every === undefined || every > intervalMs || !findings.written([...path, 'at_least_every'])) return
  const message = `${formatDuration(every)} is not above the interval of ${formatDuration(intervalMs)}, so every reading is sent`
  findings.warning([...path, 'at_least_every'], message)
}

function checkRange(findings: Findings, path: Path, options: { point: PointSettings; device: ModbusDefaults }): void {
  const { point, device } = options
  const count = widthOf(point)
  const last = point.address + count - 1
  const place = findings.written([...path, 'ref']) ? 'ref' : 'address'
  if (last >= ADDRESS_END) {
    findings.error([...path, place], `${point.type} at ${point.address} ends at ${last}, above ${ADDRESS_END - 1}`)
  }
  if (count > device.max_registers) {
    const message = `takes ${count} registers, but max_registers of the device is ${device.max_registers}`
    findings.error(path, message, { at: 'key' })
  }
}
