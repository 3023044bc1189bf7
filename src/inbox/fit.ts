/** Does a commanded value fit the point, and is what was read back the same? Pure. */
import type { Value } from '../model.ts'
import { floatRangeOf, integerRangeOf } from '../point-types.ts'
import type { PointSettings } from '../settings.ts'
import { show } from './parse.ts'

export type Fit = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly reason: string }

/** The value as it will be written, or why it cannot be. */
export function fit(point: PointSettings, value: Value): Fit {
  if (point.type === 'bool' || point.type === 'bit') return fitBoolean(value)
  if (point.type === 'string') return fitText(point, value)
  if (typeof value !== 'number' && typeof value !== 'bigint')
    return no(value, `a number for a point of type ${point.type}`)
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = point
  if (value < min || value > max) return no(value, limitsOf(point))
  return fitNumber(point, value)
}

/** "20 to 75 °C" */
function limitsOf({ min, max, unit }: PointSettings): string {
  const limits = min === undefined ? `at most ${max}` : max === undefined ? `at least ${min}` : `${min} to ${max}`
  return unit === undefined ? limits : `${limits} ${unit}`
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
  const range = integerRangeOf(point)
  if (!range) {
    const float = floatRangeOf(point.type)
    const raw = (Number(value) - point.offset) / point.scale
    if (float && Math.abs(raw) <= float.most) return { ok: true, value: Number(value) }
    return no(value, `what a ${point.type} can hold`)
  }
  const whole = isWhole(point)
  if (whole && !isInteger(value)) return no(value, 'an integer')
  const raw = whole ? BigInt(value) - BigInt(point.offset) : Math.round((Number(value) - point.offset) / point.scale)
  if (raw >= range.least && raw <= range.most) return { ok: true, value }
  const bounds = `${range.least} to ${range.most}`
  return no(value, whole && point.offset === 0 ? bounds : `a raw value of ${bounds}, it would be ${show(raw)}`)
}

function no(value: Value, wanted: string): Fit {
  return { ok: false, reason: `value is ${show(value)}, wanted ${wanted}` }
}

export interface Comparison {
  readonly wanted: Value
  /** Read from the point. */
  readonly got: Value
  /** What the point held that says the power of ten (`scaleFrom`), read together with it. */
  readonly power?: Value | undefined
}

/**
 * Is `got` what a write of `wanted` leaves there? Rounding by scale, type and precision is allowed. Where the power of ten is
 * not known, nobody can say what rounding is: only the very value is the same.
 */
export function isSame(point: PointSettings, { wanted, got, power }: Comparison): boolean {
  if (typeof wanted === 'boolean' || typeof got === 'boolean') return Number(wanted) === Number(got)
  if (typeof wanted === 'string' || typeof got === 'string') return wanted === got
  return distance(wanted, got) <= tolerance(point, { wanted: Number(wanted), step: stepOf(point, power) })
}

/** 64-bit integers differ in digits that a float does not have. */
function distance(a: number | bigint, b: number | bigint): number {
  return Math.abs(isInteger(a) && isInteger(b) ? Number(BigInt(a) - BigInt(b)) : Number(a) - Number(b))
}

/** By how much the value changes when the raw number changes by one; 0 where that is not known. */
function stepOf(point: PointSettings, power: Value | undefined): number {
  const scale = Math.abs(point.scale)
  if (point.scaleFrom === undefined) return scale
  return typeof power === 'number' && Number.isInteger(power) ? scale * 10 ** power : 0
}

/** No digit is lost on the way between raw and value. */
function isWhole(point: PointSettings): boolean {
  return point.scale === 1 && Number.isInteger(point.offset) && point.scaleFrom === undefined
}

function isInteger(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value)
}

function tolerance(point: PointSettings, { wanted, step }: { readonly wanted: number; readonly step: number }): number {
  const float = floatRangeOf(point.type)
  // Half a step of the raw integer; a float is as far off as its neighbour, also after the arithmetic of the scale.
  const byType = float ? float.step * (Math.abs(wanted) + Math.abs(point.offset)) : step / 2
  const digit = point.precision === undefined ? 0 : 10 ** -point.precision
  const byPrecision = float || digit > step ? digit / 2 : 0
  return (byType + byPrecision) * (1 + 1e-9)
}
