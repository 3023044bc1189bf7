import type { Clock } from '../../clock.ts'
import type { StoredRecord } from '../../model.ts'
import type { Closed } from '../transport.ts'

/** When it was sent (CLOCK_MONOTONIC, ms), and as which message of its session; absent for what is no record. */
type OldestInFlight = { readonly sent?: number; readonly sentAt?: number } | undefined

/** Whether the cloud answers, and how soon. An answer only leaves a note; the clock is asked once a turn. */
export class Progress {
  readonly #clock: Clock
  #isNew = false
  #newest: StoredRecord | undefined
  #lastAt: number | undefined
  #busySince = 0
  /** The newest message of the session that has an answer, by its number. */
  #answered = 0
  #deliveryDelayMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Nothing was in flight, and now something is. */
  busy(now: number): void {
    this.#busySince = now
  }

  /** A new session: numbers begin anew. */
  begin(): void {
    this.#answered = 0
  }

  /** A message came to its end; `taken` is the newest record in it when the cloud took it. */
  answered(sent: number, taken?: StoredRecord): void {
    this.#isNew = true
    this.#answered = Math.max(this.#answered, sent)
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

  /**
   * The link pings, but it is dead for us: messages in flight and no answer for so long, or none to the oldest of them while
   * later ones were answered, which will not come any more (MQTT 5.0 section 4.4: nothing is sent again on a live link).
   */
  deadFor(limitMs: number, { inFlight, oldest }: { inFlight: number; oldest: OldestInFlight }) {
    if (inFlight === 0) return undefined
    const now = this.#clock.mono()
    const silentMs = this.#isNew ? 0 : now - Math.max(this.#busySince, this.#lastAt ?? 0)
    const isPassed = (oldest?.sent ?? this.#answered) < this.#answered
    const oldestMs = isPassed ? now - (oldest?.sentAt ?? now) : 0
    if (silentMs >= limitMs) return ackTimeout(`${inFlight} messages in flight and no acknowledgement`, silentMs)
    if (oldestMs >= limitMs) return ackTimeout('one message has no acknowledgement, though later ones have,', oldestMs)
    return undefined
  }
}

function ackTimeout(what: string, ms: number): Closed {
  return {
    reason: 'ack_timeout',
    detail: `${what} for ${Math.round(ms)} ms`,
    hint: 'the broker answers pings but takes nothing: look at its disk, its queues and its load',
    hurry: 'soon',
  }
}
