import type { PointSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Device } from '../schema/device.ts'
import { type Point, pointDefaults } from '../schema/point.ts'
import { anyOf } from '../suggest.ts'
import type { Context } from './context.ts'
import { expiryOf } from './expiry.ts'

const meaningless = ['ref', 'register', 'address', 'bit', 'length', 'byte_order', 'min', 'max', 'interval']
const types = ['number', 'string', 'bool'] as const

/** A point of a text device: what the named group of the pattern holds. Undefined when it is wrong, which is told. */
export function buildTextPoint(
  context: Context,
  path: Path,
  options: { readonly point: Point; readonly device: Device },
): PointSettings | undefined {
  const { point, device } = options
  const before = context.errors.length
  context.refuse(path, meaningless, 'has no meaning for a text device')
  if (point.access !== 'ro') {
    context.error([...path, 'access'], 'a text device can only be read', { hint: 'remove it' })
  }
  const type = point.type ?? pointDefaults.textType
  if (!types.some((one) => one === type)) {
    const hint = `write ${type === 'bit' ? 'bool' : 'number'}, or remove it`
    context.error([...path, 'type'], `a text device has ${anyOf(types)}, got ${type}`, { hint })
  }
  if (type !== 'number') {
    context.refuse(path, ['scale', 'offset', 'precision', 'invalid'], `has no meaning for type ${type}`)
  }
  if (point.scale === 0) context.error([...path, 'scale'], 'a scale of 0 makes every value the same')
  const invalid = markersOf(context, path, point)
  if (context.errors.length > before) return undefined
  return {
    name: String(path.at(-1)),
    type,
    access: 'ro',
    intervalMs: 0,
    register: pointDefaults.register,
    address: 0,
    byteOrder: pointDefaults.byteOrder,
    bit: 0,
    length: 1,
    scale: point.scale,
    offset: point.offset,
    ...(point.precision === undefined ? {} : { precision: point.precision }),
    invalid,
    ...(point.unit === undefined ? {} : { unit: point.unit }),
    kind: point.kind,
    ...expiryOf(point, device),
  }
}

/** Numbers in the text that mean "no value". */
function markersOf(context: Context, path: Path, point: Point): bigint[] {
  const given = Array.isArray(point.invalid) ? point.invalid : point.invalid === undefined ? [] : [point.invalid]
  return given.flatMap((marker) => {
    if (typeof marker === 'bigint') return [marker]
    if (Number.isInteger(marker)) return [BigInt(marker)]
    context.error([...path, 'invalid'], `${marker} is not a whole number`)
    return []
  })
}
