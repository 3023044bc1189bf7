import type { PointSettings } from '../settings.ts'
import { scaleUp, toDecimal, toNumber } from './decimal.ts'

/** What scaling needs to know of a point. */
export type Scaling = Pick<PointSettings, 'scale' | 'offset' | 'precision'>

/**
 * raw * scale + offset without binary noise, rounded to `precision` digits when given. Undefined when `raw` is no finite
 * number. A bigint stays one when nothing but a whole offset is applied, so that no digit is lost.
 */
export function applyScaling(raw: number | bigint, scaling: Scaling): number | bigint | undefined {
  const { scale, offset, precision } = scaling
  if (typeof raw === 'number' && !Number.isFinite(raw)) return undefined
  if (typeof raw === 'bigint' && scale === 1 && Number.isInteger(offset)) return raw + BigInt(offset)
  const plain = scale === 1 && offset === 0
  const value = plain ? Number(raw) : toNumber(scaleUp(toDecimal(raw), toDecimal(scale), toDecimal(offset)))
  if (!Number.isFinite(value)) return undefined
  const rounded = precision === undefined ? value : Number(value.toFixed(precision))
  return rounded === 0 ? 0 : rounded
}
