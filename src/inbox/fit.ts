/** Does a commanded value fit the point, and is what was read back the same? Pure. */
import type { Value } from '../model.ts'
import type { PointSettings, PointType } from '../settings.ts'
import { show } from './parse.ts'

export type Fit = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly reason: string }

type Range = readonly [min: bigint, max: bigint]

const integerRanges: Partial<Record<PointType, Range>> = {
  bcd16: [0n, 9_999n],
  bcd32: [0n, 99_999_999n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}

/** Largest finite value, and the relative distance of two neighbours (IEEE 754 binary16, binary32, binary64). */
const floats: Partial<Record<PointType, { readonly max: number; readonly step: number }>> = {
  float16: { max: 65_504, step: 2 ** -10 },
  float32: { max: (2 - 2 ** -23) * 2 ** 127, step: 2 ** -23 },
  float64: { max: Number.MAX_VALUE, step: 2 ** -52 },
  number: { max: Number.MAX_VALUE, step: 2 ** -52 },
}

/** What the device holds, for the integer types. */
function rangeOf(point: PointSettings): Range | undefined {
  return point.type === 'bits' ? [0n, (1n << BigInt(point.width ?? 1)) - 1n] : integerRanges[point.type]
}

/** The value as it will be written, or why it cannot be. */
export function fit(point: PointSettings, value: Value): Fit {
  if (point.type === 'bool' || point.type === 'bit') return fitBoolean(value)
  if (point.type === 'string') return fitText(point, value)
  if (typeof value !== 'number' && typeof value !== 'bigint')
    return no(value, `a number for a point of type ${point.type}`)
  if (point.min !== undefined && value < point.min) return no(value, `at least ${point.min}`)
  if (point.max !== undefined && value > point.max) return no(value, `at most ${point.max}`)
  return fitNumber(point, value)
}

function fitBoolean(value: Value): Fit {
  if (typeof value === 'boolean') return { ok: true, value }
  if (value === 0 || value === 1) return { ok: true, value: value === 1 }
  return no(value, 'true, false, 1 or 0')
}

function fitText(point: PointSettings, value: Value): Fit {
  if (typeof value !== 'string') return no(value, 'text, as in "55"')
  const lengthMax = point.length * 2 // devices write one byte a character
  return value.length <= lengthMax
    ? { ok: true, value }
    : { ok: false, reason: `value has ${value.length} characters, at most ${lengthMax} fit` }
}

function fitNumber(point: PointSettings, value: number | bigint): Fit {
  // With a power of ten that only the device knows, the driver says what fits.
  if (point.scaleFrom !== undefined) return { ok: true, value }
  const range = rangeOf(point)
  if (!range) {
    const float = floats[point.type]
    const raw = (Number(value) - point.offset) / point.scale
    if (float && Math.abs(raw) <= float.max) return { ok: true, value: Number(value) }
    return no(value, `what a ${point.type} can hold`)
  }
  const whole = isWhole(point)
  if (whole && !isInteger(value)) return no(value, 'an integer')
  const raw = whole ? BigInt(value) - BigInt(point.offset) : Math.round((Number(value) - point.offset) / point.scale)
  if (raw >= range[0] && raw <= range[1]) return { ok: true, value }
  const bounds = `${range[0]} to ${range[1]}`
  return no(value, whole && point.offset === 0 ? bounds : `a raw value of ${bounds}, it would be ${show(raw)}`)
}

function no(value: Value, wanted: string): Fit {
  return { ok: false, reason: `value is ${show(value)}, wanted ${wanted}` }
}

/** Is `got`, read from the point, what a write of `wanted` leaves there? Rounding by scale, type and precision is allowed. */
export function isSame(point: PointSettings, wanted: Value, got: Value): boolean {
  if (typeof wanted === 'boolean' || typeof got === 'boolean') return Number(wanted) === Number(got)
  if (typeof wanted === 'string' || typeof got === 'string') return wanted === got
  // 64-bit integers differ in digits that a float does not have.
  const exact = isWhole(point) && rangeOf(point) !== undefined
  if (exact && isInteger(wanted) && isInteger(got)) return BigInt(wanted) === BigInt(got)
  return Math.abs(Number(wanted) - Number(got)) <= tolerance(point, Number(wanted))
}

/** No digit is lost on the way between raw and value. */
function isWhole(point: PointSettings): boolean {
  return point.scale === 1 && Number.isInteger(point.offset) && point.scaleFrom === undefined
}

function isInteger(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value)
}

function tolerance(point: PointSettings, wanted: number): number {
  const float = floats[point.type]
  const scale = Math.abs(point.scale)
  // Half a step of the raw integer; a float is as far off as its neighbour, also after the arithmetic of the scale.
  const byType = float ? float.step * (Math.abs(wanted) + Math.abs(point.offset)) : scale / 2
  const digit = point.precision === undefined ? 0 : 10 ** -point.precision
  const byPrecision = float || digit > scale ? digit / 2 : 0
  return (byType + byPrecision) * (1 + 1e-9)
}
