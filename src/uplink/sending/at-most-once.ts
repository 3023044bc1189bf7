import { messageOf } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { StoredRecord } from '../../model.ts'
import type { Feed } from '../feed.ts'
import type { Outgoing } from './forming.ts'

/** Records settled together, but for those of one message: so many are lost at most when the power goes. */
const SPENT_MAX = 256

export interface AtMostOnceParts {
  readonly feed: Feed
  readonly log: Logger
  /** Messages may be written, or more may be settled. */
  readonly onSettled: () => void
}

/**
 * delivery: at_most_once. What the pace and the socket let out now is settled first, durably, and then written, once: what
 * was on its way when the link or the power went is lost. What was settled and could not be written, because the session
 * ended meanwhile, goes first in the next session.
 */
export class AtMostOnce {
  readonly #parts: AtMostOnceParts
  /** To be settled; with the end of the session it is the feed's again. */
  #waiting: Outgoing[] = []
  #waitingRecords = 0
  /** Settled in memory, but not on disk, which failed: the feed does not hand them out again. */
  #unsure: Outgoing[] = []
  /** Settled and not written to a socket. */
  #settled: Outgoing[] = []
  #settling: Promise<void> | undefined
  /** Records made before the session they were settled in. */
  late = 0

  constructor(parts: AtMostOnceParts) {
    this.#parts = parts
  }

  /** Nothing more may be taken before what was taken is written. */
  get isBusy(): boolean {
    return this.#settling !== undefined || this.#waitingRecords >= SPENT_MAX
  }

  add(message: Outgoing): void {
    this.#waiting.push(message)
    this.#waitingRecords += message.records.length
  }

  /** Begins to settle what was added. */
  settle(): void {
    if (this.#settling || this.#waiting.length + this.#unsure.length === 0) return
    const messages = [...this.#unsure, ...this.#waiting]
    const known = new Set(this.#unsure.flatMap((message) => message.records))
    this.#unsure = []
    this.#forgetWaiting()
    // A record of several pieces is settled with all of them.
    const records = new Set<StoredRecord>(messages.flatMap((message) => message.records))
    for (const record of records) if (record.late && !known.has(record)) this.late += 1
    this.#settling = this.#parts.feed.spend([...records]).then(
      () => {
        this.#settling = undefined
        this.#settled.push(...messages)
        this.#parts.onSettled()
      },
      (error: unknown) => {
        this.#settling = undefined
        this.#unsure.push(...messages)
        this.#parts.log.error(`settling records before they are sent failed: ${messageOf(error)}`)
      },
    )
  }

  /** Resolves when nothing is being settled. */
  async idle(): Promise<void> {
    await this.#settling
  }

  /** The next message to write. */
  take(): Outgoing | undefined {
    return this.#settled.shift()
  }

  /** The session ended. */
  end(): void {
    this.#forgetWaiting()
  }

  #forgetWaiting(): void {
    this.#waiting = []
    this.#waitingRecords = 0
  }
}
