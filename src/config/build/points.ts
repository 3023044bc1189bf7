import type { PointSettings, PointType, RegisterTable } from '../../settings.ts'
import type { Path } from '../problem.ts'
import { parseRef, type RegisterPlace } from '../ref.ts'
import type { Device } from '../schema/device.ts'
import { type Point, pointDefaults, pointTypes } from '../schema/point.ts'
import { anyOf } from '../suggest.ts'
import type { Context } from './context.ts'
import { expiryOf } from './expiry.ts'
import { buildMarkers } from './markers.ts'
import { bitsOf, registersOf } from './widths.ts'

/** Addresses are 16-bit numbers (MODBUS Application Protocol V1.1b3, 4.4). */
const addressMax = 65_535

const numeric = ['scale', 'offset', 'precision', 'invalid', 'min', 'max']
const registerTypes = pointTypes.filter((type) => type !== 'number')

/** A point of a Modbus device; undefined when it is wrong, which is told. */
export function buildPoint(
  context: Context,
  path: Path,
  options: { readonly point: Point; readonly device: Device },
): PointSettings | undefined {
  const { point, device } = options
  const before = context.errors.length
  const place = placeOf(context, path, point)
  const type = place && typeOf(context, path, { point, register: place.register })
  if (place === undefined || type === undefined) return undefined
  checkAccess(context, path, { point, register: place.register })
  checkExtras(context, path, { point, type })
  checkByteOrder(context, path, { point, type })
  checkLimits(context, path, point)
  const built: PointSettings = {
    name: String(path.at(-1)),
    type,
    access: point.access,
    intervalMs: point.interval ?? device.interval,
    ...place,
    byteOrder: point.byte_order ?? (bitsOf(type) > 16 ? device.byte_order : pointDefaults.byteOrder),
    bit: point.bit ?? 0,
    length: point.length ?? 1,
    scale: point.scale,
    offset: point.offset,
    ...(point.precision === undefined ? {} : { precision: point.precision }),
    invalid: buildMarkers(context, path, { point, type }),
    ...(point.unit === undefined ? {} : { unit: point.unit }),
    kind: point.kind,
    ...expiryOf(point, device),
    ...(point.min === undefined ? {} : { min: point.min }),
    ...(point.max === undefined ? {} : { max: point.max }),
  }
  checkRange(context, path, { point: built, device })
  return context.errors.length === before ? built : undefined
}

function placeOf(context: Context, path: Path, point: Point): RegisterPlace | undefined {
  if (point.ref !== undefined) {
    const others = ['register', 'address'].filter((key) => context.written([...path, key]))
    if (others.length > 0) {
      context.error([...path, 'ref'], `ref and ${others.join(' and ')} exclude each other`, {
        hint: 'keep one of them',
        at: 'key',
      })
      return undefined
    }
    const parsed = parseRef(point.ref)
    if ('value' in parsed) return parsed.value
    context.error([...path, 'ref'], parsed.problem, { hint: parsed.hint })
    return undefined
  }
  if (point.address === undefined) {
    if (context.attempted([...path, 'address']) || context.attempted([...path, 'ref'])) return undefined // wrong, and told
    const hint = 'address counts from 0; ref: 30013 is the notation of datasheets'
    context.error(path, 'missing "address" or "ref"', { hint, at: 'key' })
    return undefined
  }
  return { register: point.register ?? pointDefaults.register, address: point.address }
}

function typeOf(
  context: Context,
  path: Path,
  options: { readonly point: Point; readonly register: RegisterTable },
): PointType | undefined {
  const { point, register } = options
  const place = [...path, 'type']
  if (register === 'coil' || register === 'discrete') {
    if (point.type === undefined || point.type === 'bool') return pointDefaults.bitType
    context.error(place, `a ${register} is always bool, got ${point.type}`, {
      hint: 'remove type, or correct register or ref',
    })
    return undefined
  }
  if (point.type === undefined) {
    if (context.attempted(place)) return undefined // wrong, and told
    context.error(path, 'missing "type": how to read the register', { hint: anyOf(registerTypes), at: 'key' })
    return undefined
  }
  if (point.type === 'number') {
    context.error(place, 'number is the type of text devices', { hint: `a register is ${anyOf(registerTypes)}` })
    return undefined
  }
  return point.type
}

function checkAccess(context: Context, path: Path, options: { point: Point; register: RegisterTable }): void {
  const { point, register } = options
  if (point.access !== 'ro' && (register === 'input' || register === 'discrete')) {
    const writable = register === 'input' ? 'holding' : 'coil'
    context.error([...path, 'access'], `the ${register} table can only be read`, {
      hint: `only ${writable} can be written to`,
    })
  }
}

function checkExtras(context: Context, path: Path, options: { point: Point; type: PointType }): void {
  const { point, type } = options
  if (type === 'bit' && !context.attempted([...path, 'bit'])) {
    context.error(path, 'missing "bit": which of the 16 bits, 0 is the least significant', { at: 'key' })
  }
  if (type === 'string' && !context.attempted([...path, 'length'])) {
    context.error(path, 'missing "length": how many registers the text takes', { at: 'key' })
  }
  if (type !== 'bit') context.refuse(path, ['bit'], `has no meaning for type ${type}`)
  if (type !== 'string') context.refuse(path, ['length'], `has no meaning for type ${type}`)
  if (type === 'bit' || type === 'bool' || type === 'string')
    context.refuse(path, numeric, `has no meaning for type ${type}`)
  if (point.scale === 0) context.error([...path, 'scale'], 'a scale of 0 makes every value the same')
}

function checkByteOrder(context: Context, path: Path, options: { point: Point; type: PointType }): void {
  const { point, type } = options
  const order = point.byte_order
  if (order === undefined || bitsOf(type) > 16 || order === 'ABCD' || order === 'BADC') return
  const what =
    type === 'string' ? 'the words of a string are never swapped' : `${type} is one word, there is nothing to swap`
  const hint = order === 'DCBA' ? 'write BADC to swap the two bytes' : 'remove it'
  context.error([...path, 'byte_order'], `${order} swaps words; ${what}`, { hint })
}

function checkLimits(context: Context, path: Path, point: Point): void {
  const { min, max } = point
  if (min !== undefined && max !== undefined && min >= max) {
    context.error([...path, 'max'], `max ${max} is not above min ${min}`)
  }
  if (point.access !== 'ro') return
  for (const key of ['min', 'max']) {
    if (!context.written([...path, key])) continue
    context.warning([...path, key], `${key} limits what commands write, and this point is read-only`, { at: 'key' })
  }
}

function checkRange(context: Context, path: Path, options: { point: PointSettings; device: Device }): void {
  const { point, device } = options
  const count = registersOf(point)
  const last = point.address + count - 1
  const place = context.written([...path, 'ref']) ? 'ref' : 'address'
  if (last > addressMax) {
    context.error([...path, place], `${point.type} at ${point.address} ends at ${last}, above ${addressMax}`)
  }
  if (count > device.max_registers) {
    const message = `takes ${count} registers, but max_registers of the device is ${device.max_registers}`
    context.error(path, message, { at: 'key' })
  }
}
