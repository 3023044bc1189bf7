import type { PlainValue, WatchLine } from '../../device-api.ts'
import { displayWidth } from '../table.ts'
import { explained } from './codes.ts'
import { valueText } from './read-text.ts'

type Recorded = Exclude<WatchLine, { readonly watching: unknown }>

/** One line of text for each recorded value, with columns that grow as they must. */
export class WatchText {
  readonly #changes: boolean
  readonly #last = new Map<string, PlainValue>()
  #width = 0

  /** `changes`: only what differs from the line of that point before. */
  constructor(options: { readonly changes: boolean }) {
    this.#changes = options.changes
  }

  isNews(line: Recorded): boolean {
    if (!this.#changes || !('point' in line)) return true
    const name = `${line.device}.${line.point}`
    const now = 'value' in line ? line.value : `! ${line.error}`
    const isNew = this.#last.get(name) !== now
    this.#last.set(name, now)
    return isNew
  }

  of(line: Recorded): string {
    if ('missed' in line) return `(${line.missed} lines were left out: they came more quickly than they were taken)`
    const name = 'point' in line ? `${line.device}.${line.point}` : line.device
    this.#width = Math.max(this.#width, displayWidth(name))
    const padding = ' '.repeat(this.#width - displayWidth(name))
    return `${timeOfDay(line.ts)}  ${name}${padding}  ${whatOf(line)}`
  }
}

function whatOf(line: Exclude<Recorded, { readonly missed: number }>): string {
  if ('event' in line) return `* ${line.event}${line.reason === undefined ? '' : ` (${explained(line.reason)})`}`
  return valueText(line)
}

/** "12:41:07.123", on the clock of this machine. */
function timeOfDay(ts: number): string {
  const time = new Date(ts)
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0'))
  return `${parts.join(':')}.${String(time.getMilliseconds()).padStart(3, '0')}`
}
