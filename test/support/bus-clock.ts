import type { Clock } from '../../src/clock.ts'

interface Timer {
  readonly at: number
  readonly fire: () => void
}

/** Time that stands still until the test moves it; everything that is due then happens in order. */
export class VirtualClock implements Clock {
  #now = 1_000_000
  #setByMs = 0
  #timers: Timer[] = []

  mono(): number {
    return this.#now
  }

  precise(): number {
    return this.#now
  }

  wall(): number {
    return 1_763_683_200_000 + this.#now + this.#setByMs
  }

  /** Somebody sets the wall clock. */
  setWall(byMs: number): void {
    this.#setByMs += byMs
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = { at: this.#now + Math.max(0, ms), fire: resolve }
      this.#timers.push(timer)
      signal?.addEventListener(
        'abort',
        () => {
          this.#timers = this.#timers.filter((candidate) => candidate !== timer)
          resolve()
        },
        { once: true },
      )
    })
  }

  /** Moves time on, step by step from timer to timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = this.#next()
      if (!next || next.at > end) break
      this.#fire(next)
    }
    this.#now = end
    await settle()
  }

  /** Moves time on until the promise has settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const note = () => {
      settled = true
    }
    promise.then(note, note)
    for (;;) {
      await settle()
      if (settled) return promise
      const next = this.#next()
      if (!next) throw new Error('nothing is waiting for time any longer, and yet the promise has not settled')
      this.#fire(next)
    }
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (first, timer) => (!first || timer.at < first.at ? timer : first),
      undefined,
    )
  }

  #fire(timer: Timer): void {
    this.#timers = this.#timers.filter((candidate) => candidate !== timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.fire()
  }
}

/** Lets everything run that waits for nothing but its turn. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
