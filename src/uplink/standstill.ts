import { keptPauseMs } from './kept.ts'
import type { Fate } from './transport.ts'

export type Kept = Extract<Fate, { fate: 'kept' }>

/** The cloud said "not now" to a message, and all others wait with it. Times are CLOCK_MONOTONIC in ms. */
export class Standstill {
  readonly #random: () => number
  #until = 0
  /** Refusals in a row. */
  #pauses = 0
  #problem: string | undefined

  /** `random` gives a number in [0, 1). */
  constructor(random: () => number) {
    this.#random = random
  }

  /** For people, while it lasts and until a message was taken. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** What to log when it begins; undefined when it is known already. */
  begin(fate: Kept, topic: string, now: number): string | undefined {
    if (this.#until > now) return undefined
    const { reason, delayMs } = fate
    const pauseMs = delayMs === undefined ? Number.POSITIVE_INFINITY : keptPauseMs(delayMs, this.#pauses, this.#random)
    this.#pauses += 1
    this.#until = now + pauseMs
    const next = Number.isFinite(pauseMs) ? `next try in ${Math.round(pauseMs)} ms` : 'next try with a new session'
    const isNews = this.#problem === undefined
    this.#problem = `${reason} on ${topic}, ${next}`
    return isNews ? `the cloud does not take records now: ${reason}, ${next}` : undefined
  }

  /** ms until it is over; 0: nothing stands still. */
  leftMs(now: number): number {
    if (this.#until === 0) return 0
    if (this.#until > now) return this.#until - now
    this.#until = 0
    return 0
  }

  /** The cloud took a message. What was taken on the way into the standstill says nothing about what comes after it. */
  taken(): void {
    if (this.#until > 0) return
    this.#pauses = 0
    this.#problem = undefined
  }

  clear(): void {
    this.#until = 0
    this.#pauses = 0
    this.#problem = undefined
  }
}
