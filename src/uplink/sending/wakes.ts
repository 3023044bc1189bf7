import type { Clock } from '../../clock.ts'

/** When the sender looks at its work again: at the end of this turn of the event loop, or at the soonest time asked for. */
export class Wakes {
  readonly #clock: Clock
  #signal = AbortSignal.abort()
  #due = false
  /** The time of the timer that will fire first; others may fire in vain. */
  #at = Number.POSITIVE_INFINITY
  readonly #go: () => void

  constructor(clock: Clock, run: () => void) {
    this.#clock = clock
    this.#go = () => {
      this.#due = false
      run()
    }
  }

  /** A session begins; `signal` ends its timers. */
  begin(signal: AbortSignal): void {
    this.#signal = signal
    this.#at = Number.POSITIVE_INFINITY
  }

  soon(): void {
    if (this.#due) return
    this.#due = true
    setImmediate(this.#go)
  }

  /** At the latest in `ms`; undefined or Infinity: nothing is waited for. */
  within(ms: number | undefined): void {
    if (ms === undefined || ms === Number.POSITIVE_INFINITY) return
    const at = this.#clock.mono() + ms
    if (this.#at <= at) return
    this.#at = at
    const signal = this.#signal
    void this.#clock.wait(ms, signal).then(() => {
      if (signal.aborted) return
      if (this.#at === at) this.#at = Number.POSITIVE_INFINITY
      this.soon()
    })
  }
}
