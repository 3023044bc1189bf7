import type { Value } from '../../model.ts'
import { type Holding, holdable } from '../../simulation.ts'

/** The value, or the nearest that the registers can hold. A counter begins again at 0, as a real one does. */
export function fitting(point: Holding, value: Value): Value {
  const range = holdable(point)
  if (typeof value !== 'number' || range === undefined) return value
  if (point.kind === 'counter' && value > range.max && range.max > 0) return value % range.max
  return Math.min(range.max, Math.max(range.min, value))
}
