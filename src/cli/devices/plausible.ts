import type { Value } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'

/** Does a sound device show this? A point without a range is believed as soon as there is a value. Pure. */
export function isPlausible({ plausible }: PointSettings, value: Value | undefined): boolean {
  if (value === undefined) return false
  if (plausible === undefined || typeof value === 'string') return true
  const number = Number(value)
  return number >= plausible.min && number <= plausible.max
}
