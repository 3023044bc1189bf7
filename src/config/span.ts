import type { Parsed } from './units.ts'

const number = '-?[0-9]+(?:\\.[0-9]+)?'

/** The patterns an editor checks against (JSON Schema). */
export const spanPattern = `^${number}\\.\\.${number}$`
export const percentPattern = '^[0-9]+(?:\\.[0-9]+)?%$'

/** `180..260`: from the smallest to the largest, both included. */
export function parseSpan(text: string): Parsed<{ readonly min: number; readonly max: number }> {
  const [, low, high] = new RegExp(`^(${number})\\.\\.(${number})$`).exec(text) ?? []
  if (low === undefined || high === undefined) return { problem: `expected a range such as 180..260, got "${text}"` }
  const [min, max] = [Number(low), Number(high)]
  if (min < max) return { value: { min, max } }
  return { problem: `${max} is not above ${min}`, ...(max < min ? { hint: `write ${max}..${min}` } : {}) }
}

/** `2%`. */
export function parsePercent(text: string): Parsed<{ readonly percent: number }> {
  if (!new RegExp(percentPattern).test(text)) {
    return { problem: `expected a number such as 0.5, or a share such as 2%, got "${text}"` }
  }
  return { value: { percent: Number(text.slice(0, -1)) } }
}
