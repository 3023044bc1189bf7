import type { PointSettings } from '../settings.ts'
import { type Decimal, roundTo, scaleUp, shift, toDecimal, toInteger, toNumber } from './decimal.ts'

/** What scaling needs to know of a point. */
export type Scaling = Pick<PointSettings, 'scale' | 'offset' | 'precision'>

/**
 * raw * 10 ** power * scale + offset, exact in decimal and rounded to `precision` digits when given, halves away from zero:
 * 2305 with power -1 is 230.5. Undefined when the result is no finite number. A bigint stays one when it is multiplied with
 * and shifted by whole numbers only, so that no digit is lost.
 */
export function applyScaling(raw: number | bigint, scaling: Scaling, power = 0): number | bigint | undefined {
  const { precision } = scaling
  if (typeof raw === 'number' && !Number.isFinite(raw)) return undefined
  const [factor, offset] = [factorOf(scaling, power), toDecimal(scaling.offset)]
  const value = scaleUp(toDecimal(raw), factor, offset)
  const isWhole = typeof raw === 'bigint' && toInteger(factor) !== undefined && toInteger(offset) !== undefined
  if (isWhole) return toInteger(value)
  const number = toNumber(precision === undefined ? value : roundTo(value, precision))
  return Number.isFinite(number) ? number : undefined
}

/** What the raw number is multiplied with. */
export function factorOf(scaling: Pick<Scaling, 'scale'>, power = 0): Decimal {
  return shift(toDecimal(scaling.scale), power)
}
