import type { Logger } from '../log.ts'

/** A line about the same uplink is not written again before this. */
const LOG_EVERY_MS = 60_000

/** An episode of giving records up, as far as it went. */
export interface Episode {
  readonly uplink: string
  readonly reason: string
  readonly count: number
}

/** Says in the log what is being given up: at most one line a minute for each uplink. */
export class DropLog {
  readonly #log: Logger
  /** uplink and reason -> count of the episode when it was last looked at. */
  #seen = new Map<string, number>()
  /** uplink -> reason -> not logged yet. */
  readonly #waiting = new Map<string, Map<string, number>>()
  readonly #loggedAt = new Map<string, number>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** To be called every few seconds, with the episodes that are open; `now` is CLOCK_MONOTONIC in ms. */
  check(episodes: Iterable<Episode>, now: number): void {
    const seen = new Map<string, number>()
    for (const { uplink, reason, count } of episodes) {
      const name = `${uplink}/${reason}`
      const before = this.#seen.get(name) ?? 0
      seen.set(name, count)
      // Fewer than before: the episode ended and another began.
      this.#add(uplink, reason, count < before ? count : count - before)
    }
    this.#seen = seen
    for (const [uplink, reasons] of this.#waiting) {
      if (now - (this.#loggedAt.get(uplink) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) continue
      this.#loggedAt.set(uplink, now)
      this.#waiting.delete(uplink)
      const count = [...reasons.values()].reduce((sum, one) => sum + one, 0)
      const fields = { uplink, count, reasons: [...reasons].map(([reason, one]) => `${reason} ${one}`).join(', ') }
      // Expiry is as configured; everything else is data that somebody wanted.
      if (reasons.size === 1 && reasons.has('expires_after')) this.#log.info('expired records were dropped', fields)
      else this.#log.error('records were dropped', fields)
    }
  }

  #add(uplink: string, reason: string, count: number): void {
    if (count === 0) return
    const reasons = this.#waiting.get(uplink) ?? new Map<string, number>()
    reasons.set(reason, (reasons.get(reason) ?? 0) + count)
    this.#waiting.set(uplink, reasons)
  }
}
