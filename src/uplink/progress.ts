import type { Clock } from '../clock.ts'
import type { StoredRecord } from '../model.ts'
import type { Closed } from './transport.ts'

/** Whether the cloud answers, and how soon. An answer only leaves a note; the clock is asked once a turn. */
export class Progress {
  readonly #clock: Clock
  #isNew = false
  #newest: StoredRecord | undefined
  #lastAt: number | undefined
  #busySince = 0
  #deliveryDelayMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Nothing was in flight, and now something is. */
  busy(now: number): void {
    this.#busySince = now
  }

  /** A message came to its end; `taken` is the newest record in it when the cloud took it. */
  answered(taken?: StoredRecord): void {
    this.#isNew = true
    if (taken) this.#newest = taken
  }

  /** There was an answer since the last `note`. */
  get isNew(): boolean {
    return this.#isNew
  }

  /** Takes down when there were answers. Gives the time, as CLOCK_MONOTONIC in ms. */
  note(): number {
    const now = this.#clock.mono()
    if (!this.#isNew) return now
    this.#isNew = false
    this.#lastAt = now
    const newest = this.#newest
    // The others were made in another boot, or waited for the link.
    if (newest && !newest.late) this.#deliveryDelayMs = Math.max(0, now - newest.mono)
    this.#newest = undefined
    return now
  }

  /** ms since the cloud last answered a message; undefined before the first. */
  get ageMs(): number | undefined {
    if (this.#isNew) return 0
    return this.#lastAt === undefined ? undefined : this.#clock.mono() - this.#lastAt
  }

  /** From the making of the newest fresh record the cloud took to its acknowledgement, in ms. */
  get deliveryDelayMs(): number | undefined {
    return this.#deliveryDelayMs
  }

  /** The link pings, but it is dead for us: so many messages in flight and no answer for so long. */
  deadFor(inFlight: number, limitMs: number): Closed | undefined {
    if (inFlight === 0 || this.#isNew) return undefined
    const silentMs = this.#clock.mono() - Math.max(this.#busySince, this.#lastAt ?? 0)
    if (silentMs < limitMs) return undefined
    return {
      reason: 'ack_timeout',
      detail: `${inFlight} messages in flight and no acknowledgement for ${Math.round(silentMs)} ms`,
      hint: 'the broker answers pings but takes nothing: look at its disk, its queues and its load',
      hurry: 'soon',
    }
  }
}
