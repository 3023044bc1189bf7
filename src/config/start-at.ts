import type { StartAt } from '../uplink-settings.ts'
import { meant } from './field.ts'
import type { Parsed } from './units.ts'

export const startWords = ['head', 'tail'] as const
const expected = 'expected head, tail, a time such as 2026-11-20T06:00:00Z or a record number'

/** ISO 8601 with its zone: a time without one would mean another instant on every gateway. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/
const timeWithoutZone = /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/

/** `head`, `tail`, a time or the number of a record: where an uplink without a position begins. */
export function parseStartAt(given: string | number): Parsed<{ readonly startAt: StartAt }> {
  if (typeof given === 'number') {
    if (given >= 1) return { value: { startAt: { seq: given } } }
    return { problem: `record numbers begin at 1, got ${given}`, hint: 'write head for the oldest record' }
  }
  const word = startWords.find((one) => one === given)
  if (word !== undefined) return { value: { startAt: word } }
  if (/^\d+$/.test(given)) return { problem: `${expected}, got "${given}"`, hint: 'write the number without quotes' }
  if (time.test(given)) {
    const ts = Date.parse(given)
    if (isRealDate(given)) return { value: { startAt: { ts } } }
    return { problem: `there is no such time: "${given}"` }
  }
  const [, date, rest = 'T00:00:00'] = timeWithoutZone.exec(given) ?? []
  if (date !== undefined) {
    return { problem: `${expected}, got "${given}"`, hint: `write ${date}T${rest.slice(1)}Z, which is UTC` }
  }
  return { problem: `${expected}, got "${given}"${meant(given, startWords)}` }
}

/** Date.parse takes the 30th of February for a day in March. */
function isRealDate(text: string): boolean {
  const utc = `${text.slice(0, 10)}T00:00:00Z`
  return !Number.isNaN(Date.parse(text)) && new Date(utc).toISOString().startsWith(text.slice(0, 10))
}
