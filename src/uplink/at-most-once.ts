import type { StoredRecord } from '../model.ts'
import type { Feed } from './feed.ts'
import type { Outgoing } from './forming.ts'

/** Messages whose records are settled together: so many are lost at most when the power goes. */
const SPENT_MAX = 256

/**
 * delivery: at_most_once. What the window, the pace and the socket let out now is settled first, durably, and then written,
 * once: what was on its way when the link or the power went is lost. What was settled and could not be written, because the
 * session ended meanwhile, goes first in the next session.
 */
export class AtMostOnce {
  readonly #feed: Feed
  readonly #onSettled: () => void
  /** To be settled; with the end of the session it is the feed's again. */
  #waiting: Outgoing[] = []
  /** Settled and not written to a socket. */
  #settled: Outgoing[] = []
  #settling: Promise<void> | undefined

  constructor(feed: Feed, onSettled: () => void) {
    this.#feed = feed
    this.#onSettled = onSettled
  }

  /** Nothing more may be taken before what was taken is written. */
  get isBusy(): boolean {
    return this.#settling !== undefined || this.#waiting.length >= SPENT_MAX
  }

  add(message: Outgoing): void {
    this.#waiting.push(message)
  }

  /** Begins to settle what was added. */
  settle(): void {
    if (this.#settling || this.#waiting.length === 0) return
    const messages = this.#waiting
    this.#waiting = []
    // A record of several pieces is settled with the first of them.
    const records = new Set<StoredRecord>(messages.flatMap((message) => message.records))
    this.#settling = this.#feed.spend([...records]).then(() => {
      this.#settling = undefined
      this.#settled.push(...messages)
      this.#onSettled()
    })
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
    this.#waiting = []
  }
}
