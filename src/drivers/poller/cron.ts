/** When a cron expression is due, in the time zone of the machine. node-cron reads the expression and matches days. */
import { createTask, parse } from 'node-cron'

const SECOND_MS = 1000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** 29 February comes round within eight years, over a century that is no leap year too. */
const SEARCH_MS = 9 * 366 * 24 * HOUR_MS
/** No place on earth has put its clocks back by more at a time since time zones exist. */
const PUT_BACK_MS = 3 * HOUR_MS

/** The first scheduled time after `after` (Unix ms); Infinity: there is none. */
export type NextTime = (after: number) => number

/**
 * An hour that is left out when clocks are put forward has no scheduled times. Of one that comes twice, the second counts
 * only for expressions that are due in every hour. Throws when node-cron cannot read the expression.
 */
export function cronTimes(expression: string): NextTime {
  const { second, minute, hour, dayOfMonth, month, dayOfWeek } = parse(expression)
  const [seconds, minutes, hours, months] = [second, minute, hour, month].map((values) => new Set(values))
  const days = createTask(`* * * ${dayOfMonth.join(',')} ${month.join(',')} ${dayOfWeek.join(',')}`, () => {})
  void days.destroy() // it is never started, only asked
  const isEveryHour = hours?.size === 24
  return (after) => {
    let time = Math.floor(after / SECOND_MS) * SECOND_MS + SECOND_MS
    const end = time + SEARCH_MS
    while (time < end) {
      const date = new Date(time)
      if (!months?.has(date.getMonth() + 1)) time = startOf(date, { month: 1 })
      else if (!days.match(date)) time = startOf(date, { day: 1 })
      else if (!hours?.has(date.getHours())) time += HOUR_MS - (time - hourOf(date))
      else if (!minutes?.has(date.getMinutes())) time += MINUTE_MS - date.getSeconds() * SECOND_MS
      else if (!seconds?.has(date.getSeconds())) time += SECOND_MS
      else if (!isEveryHour && isSecondTime(date)) time += MINUTE_MS - date.getSeconds() * SECOND_MS
      else return time
    }
    return Number.POSITIVE_INFINITY
  }
}

function hourOf(date: Date): number {
  return date.getTime() - date.getMinutes() * MINUTE_MS - date.getSeconds() * SECOND_MS
}

/** The beginning of the next day or month, and in any case later than `date`. */
function startOf(date: Date, next: { readonly day?: number; readonly month?: number }): number {
  const day = next.day === undefined ? 1 : date.getDate() + next.day
  const start = new Date(date.getFullYear(), date.getMonth() + (next.month ?? 0), day).getTime()
  return start > date.getTime() ? start : date.getTime() + HOUR_MS
}

/** Did the clocks on the wall show this time before, until they were put back? */
function isSecondTime(date: Date): boolean {
  const time = date.getTime()
  const putBackMs = (date.getTimezoneOffset() - new Date(time - PUT_BACK_MS).getTimezoneOffset()) * MINUTE_MS
  if (putBackMs <= 0) return false
  return new Date(time - putBackMs).getTimezoneOffset() * MINUTE_MS === date.getTimezoneOffset() * MINUTE_MS - putBackMs
}
