import type { PaceSettings } from '../../uplink-settings.ts'

/** After a quota answer the pace grows back by this factor per second. */
const GROWTH_PER_SECOND = 1.2
/** No slower than this, in messages/s: something has to find out whether the quota is still short. */
const SLOWEST = 1
/** Where no pace is configured, the one that was found is forgotten when it is so many times what was sent when it was found. */
const FORGET_AT = 4

/**
 * Token buckets for messages and bytes, each of one second's worth, and the pace the cloud taught us: a quota answer halves
 * what was sent lately; from there it grows back slowly, to what is configured. Times are CLOCK_MONOTONIC in ms.
 */
export class Pace {
  readonly #messages: Bucket
  readonly #bytes: Bucket
  readonly #configured: number
  #learnt = Number.POSITIVE_INFINITY
  #learntFrom = 0
  #learntAt = 0
  /** What was sent in the second that is running, and in the one before. */
  #second = 0
  #inSecond = 0
  #lastSecond = 0

  constructor(settings: PaceSettings = {}) {
    this.#configured = settings.messagesPerSecond ?? Number.POSITIVE_INFINITY
    this.#messages = new Bucket(this.#configured)
    this.#bytes = new Bucket(settings.bytesPerSecond ?? Number.POSITIVE_INFINITY)
  }

  /** The pace in force, in messages/s; Infinity: none. */
  messagesPerSecond(now: number): number {
    return Math.min(this.#configured, this.#learntNow(now))
  }

  /** ms until the next message may go; 0: now. */
  waitMs(now: number): number {
    if (this.#learnt !== Number.POSITIVE_INFINITY) this.#messages.rate = this.messagesPerSecond(now)
    return Math.max(this.#messages.waitMs(now), this.#bytes.waitMs(now))
  }

  sent(bytes: number, now: number): void {
    const second = Math.floor(now / 1_000)
    if (second !== this.#second) {
      this.#lastSecond = second === this.#second + 1 ? this.#inSecond : 0
      this.#second = second
      this.#inSecond = 0
    }
    this.#inSecond += 1
    this.#messages.take(1, now)
    this.#bytes.take(bytes, now)
  }

  /** The cloud said that it is too much. Answers of one second count once: they speak of the same burst. */
  tooMuch(now: number): void {
    if (now - this.#learntAt < 1_000 && this.#learntFrom > 0) return
    const lately = Math.max(this.#inSecond, this.#lastSecond)
    this.#learntFrom = Math.max(SLOWEST, Math.min(lately, this.messagesPerSecond(now)))
    this.#learnt = Math.max(SLOWEST, this.#learntFrom / 2)
    this.#learntAt = now
    this.#messages.empty(now)
  }

  #learntNow(now: number): number {
    if (this.#learnt === Number.POSITIVE_INFINITY) return this.#learnt
    const grown = this.#learnt * GROWTH_PER_SECOND ** ((now - this.#learntAt) / 1_000)
    const enough = Number.isFinite(this.#configured) ? this.#configured : this.#learntFrom * FORGET_AT
    if (grown < enough) return grown
    this.#learnt = Number.POSITIVE_INFINITY
    this.#learntFrom = 0
    this.#messages.rate = this.#configured
    return this.#learnt
  }
}

/** May be overdrawn by one message, which the next ones wait for: a message larger than a second's worth goes, too. */
class Bucket {
  /** Units per second; Infinity: no limit. */
  rate: number
  #level: number
  #at: number | undefined

  constructor(rate: number) {
    this.rate = rate
    this.#level = Math.max(1, rate)
  }

  waitMs(now: number): number {
    if (this.rate === Number.POSITIVE_INFINITY) return 0
    this.#fill(now)
    // Half a unit of slack: a timer that comes a hair early must not cost a second one.
    return this.#level >= 0.5 ? 0 : Math.ceil(((1 - this.#level) / this.rate) * 1_000)
  }

  take(units: number, now: number): void {
    if (this.rate === Number.POSITIVE_INFINITY) return
    this.#fill(now)
    this.#level -= units
  }

  empty(now: number): void {
    this.#at = now
    this.#level = 0
  }

  #fill(now: number): void {
    const elapsed = Math.max(0, now - (this.#at ?? now))
    this.#at = now
    const full = Math.max(1, this.rate)
    this.#level = Math.min(full, this.#level + (elapsed / 1_000) * this.rate)
  }
}
