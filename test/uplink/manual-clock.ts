import type { Clock } from '../../src/clock.ts'

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #now = 1_000_000
  #waiting: { readonly at: number; readonly wake: () => void }[] = []

  mono(): number {
    return this.#now
  }

  precise(): number {
    return this.#now
  }

  wall(): number {
    return 1_763_683_200_000 + this.#now
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((wake) => {
      this.#waiting.push({ at: this.#now + ms, wake })
      signal?.addEventListener('abort', () => wake())
    })
  }

  /** Time that is gone; nobody is woken for it. */
  jump(ms: number): void {
    this.#now += ms
  }

  /** Lets time pass in steps of 10 ms, with a turn of the event loop after each, so that who wakes can wait again. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    while (this.#now < until) {
      this.#now = Math.min(until, this.#now + 10)
      const due = this.#waiting.filter(({ at }) => at <= this.#now)
      this.#waiting = this.#waiting.filter(({ at }) => at > this.#now)
      for (const { wake } of due) wake()
      await turn()
    }
  }
}

/** Lets everything run that is ready to run. */
export async function turn(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve))
}

/** Turns the event loop until the fact holds; fails when it never does. What other threads do takes real time. */
export async function turnsUntil(fact: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${fact.toString()}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
