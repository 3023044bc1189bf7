import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock } from './clock.ts'
import { isClockSynchronized } from './timesync.ts'

/** How often the wall clock is looked at. */
const CHECK_MS = 10_000

/** What the clocks say, and whether the wall clock may be believed. */
export interface TimesNow {
  /** Identity of this boot of the machine. */
  readonly boot: string
  /** CLOCK_MONOTONIC in ms. */
  readonly mono: number
  /** Unix ms, as the machine believes. */
  readonly wall: number
  readonly clockKnown: boolean
}

/** Watches whether the wall clock is known. Once it is, it stays known for this run: a lost time service does not undo it. */
export class Times {
  readonly #clock: Clock
  readonly #boot = bootId()
  readonly #ending = new AbortController()
  #known: boolean
  /** Called after each look at the clock. */
  onObserved: ((now: TimesNow) => void) | undefined

  private constructor(clock: Clock, known: boolean) {
    this.#clock = clock
    this.#known = known
  }

  /** trusted: the wall clock counts from the start. auto: when a time service says so. */
  static async begin(trust: 'auto' | 'trusted', clock: Clock): Promise<Times> {
    return new Times(clock, trust === 'trusted' || (await isClockSynchronized()))
  }

  now(): TimesNow {
    return { boot: this.#boot, mono: this.#clock.mono(), wall: this.#clock.wall(), clockKnown: this.#known }
  }

  /** Begins to watch; `onKnown` is called when the clock becomes known. */
  start(onKnown: () => void): void {
    void this.#watch(onKnown)
  }

  stop(): void {
    this.#ending.abort()
  }

  async #watch(onKnown: () => void): Promise<void> {
    const { signal } = this.#ending
    for (;;) {
      await this.#clock.wait(CHECK_MS, signal)
      if (signal.aborted) return
      const before = this.#known
      this.#known ||= await isClockSynchronized()
      this.onObserved?.(this.now())
      if (this.#known && !before) onKnown()
    }
  }
}

/** Changes at every boot of the kernel; a random one where there is none (not Linux), which only costs precision. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return randomUUID()
  }
}
