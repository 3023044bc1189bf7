import type { Clock } from '../../clock.ts'
import { LinkError } from '../driver.ts'
import { LastMinute, MINUTE_MS } from './last-minute.ts'

/** A driver call that has not settled by then is stuck; drivers own much shorter deadlines per request. */
const STUCK_BASE_MS = 10_000

export interface DriverCallsOptions {
  readonly clock: Clock
  readonly connection: string
  readonly timeoutMs: number
  /** Has to close the driver, which makes the stuck call reject. */
  readonly onStuck: (error: LinkError) => void
}

/** Every call of the driver goes through here: it is timed, and it is not waited for for ever. */
export class DriverCalls {
  readonly #options: DriverCallsOptions
  readonly #busy = new LastMinute()
  readonly #since: number
  #made = 0
  #call: { readonly from: number; readonly limitMs: number } | undefined

  constructor(options: DriverCallsOptions) {
    this.#options = options
    this.#since = options.clock.mono()
  }

  /** How many were made so far. */
  get made(): number {
    return this.#made
  }

  /** When the call under way has to be over at the latest. */
  get endsBy(): number | undefined {
    return this.#call && this.#call.from + this.#call.limitMs
  }

  /**
   * `points`: how many are asked for at most, the measure for how long it may take. `wireMs`: what it takes on the wire on
   * top of that.
   */
  async run<T>(call: () => Promise<T>, points: number, { wireMs = 0 } = {}): Promise<T> {
    const { clock, timeoutMs } = this.#options
    const limitMs = STUCK_BASE_MS + points * 4 * timeoutMs + Math.ceil(wireMs)
    const from = clock.mono()
    const settled = new AbortController()
    void clock.wait(limitMs, settled.signal).then(() => {
      if (!settled.signal.aborted) this.#stuck(limitMs)
    })
    this.#call = { from, limitMs }
    this.#made += 1
    try {
      return await call()
    } finally {
      settled.abort()
      this.#call = undefined
      this.#busy.addSpan(from, clock.mono())
    }
  }

  /** Share of the last minute in which the driver was at work, 0..1; less than a minute after the start, of that time. */
  busyShare(now: number): number {
    const current = this.#call ? now - this.#call.from : 0
    const ms = Math.min(this.#busy.sum(now) + current, MINUTE_MS)
    const share = ms / Math.min(MINUTE_MS, Math.max(1, now - this.#since, ms))
    return Math.round(share * 1000) / 1000
  }

  #stuck(limitMs: number): void {
    const message = `a call to the driver of ${this.#options.connection} took over ${limitMs} ms`
    this.#options.onStuck(new LinkError('stuck', message))
  }
}
