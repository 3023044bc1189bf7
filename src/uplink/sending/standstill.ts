import type { Fate } from '../transport.ts'
import { keptPauseMs } from './kept.ts'

export type Kept = Extract<Fate, { fate: 'kept' }>

/** What keeps messages from going out although the session is up. */
export interface SenderProblem {
  readonly code: string
  readonly message: string
  /** What to look at or to do. */
  readonly hint?: string
}

/** The cloud said "not now" to a message, and all others wait with it. Times are CLOCK_MONOTONIC in ms. */
export class Standstill {
  readonly #random: () => number
  #until = 0
  /** Refusals in a row. */
  #pauses = 0
  #because: { readonly fate: Kept; readonly topic: string } | undefined

  /** `random` gives a number in [0, 1). */
  constructor(random: () => number) {
    this.#random = random
  }

  /** While it lasts, and until a message was taken. */
  problem(now: number): SenderProblem | undefined {
    if (!this.#because) return undefined
    const { fate, topic } = this.#because
    const message = `${fate.reason} on ${topic}, ${nextTry(this.#until - now)}`
    return { code: 'publish_kept', message, ...(fate.hint === undefined ? {} : { hint: fate.hint }) }
  }

  /** A message was refused for now. Gives what to log, undefined when that is known already. */
  begin(fate: Kept, { topic, now }: { readonly topic: string; readonly now: number }): string | undefined {
    if (this.#until > now) return undefined
    const { reason, delayMs } = fate
    const pauseMs = delayMs === undefined ? Number.POSITIVE_INFINITY : keptPauseMs(delayMs, this.#pauses, this.#random)
    this.#pauses += 1
    this.#until = now + pauseMs
    const isNews = this.#because === undefined
    this.#because = { fate, topic }
    return isNews ? `the broker does not take records now: ${reason}, ${nextTry(pauseMs)}` : undefined
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
    this.#because = undefined
  }

  clear(): void {
    this.#until = 0
    this.#pauses = 0
    this.#because = undefined
  }
}

/** For people: when it goes on, in `ms`. */
export function nextTry(ms: number): string {
  if (!Number.isFinite(ms)) return 'next try with a new session'
  return ms <= 0 ? 'being tried again' : `next try in ${Math.max(1, Math.round(ms / 1_000))} s`
}
