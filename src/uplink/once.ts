import type { StoredRecord } from '../model.ts'
import type { Feed } from './feed.ts'

/** Records settled ahead of their sending: so many are lost at most when the power goes. */
const SPENT_MAX = 256

/**
 * The feed of an uplink with `delivery: at_most_once`: a record is settled, durably, before it is handed out, so that
 * nothing is ever sent twice, and what was on its way when the link or the power went is lost. What was settled and not
 * written to a socket yet is handed out again with the next session of this process.
 */
export class OnceFeed implements Feed {
  readonly #feed: Feed
  /** Settled and not written to a socket. */
  readonly #unsent = new Set<StoredRecord>()
  /** Of these, what is to be handed out. */
  #again: StoredRecord[] = []

  constructor(feed: Feed) {
    this.#feed = feed
  }

  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    const again = this.#takeAgain()
    if (again) return again
    return this.#spent(this.#feed.next(Math.min(max, SPENT_MAX)))
  }

  nextLive(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    return this.#spent(this.#feed.nextLive(Math.min(max, SPENT_MAX)))
  }

  #takeAgain(): readonly StoredRecord[] | undefined {
    if (this.#again.length === 0) return undefined
    const again = this.#again
    this.#again = []
    return again
  }

  #spent(records: readonly StoredRecord[] | Promise<readonly StoredRecord[]>) {
    if (records instanceof Promise) return records.then((page) => this.#spend(page))
    return records.length === 0 ? records : this.#spend(records)
  }

  async #spend(records: readonly StoredRecord[]): Promise<readonly StoredRecord[]> {
    await this.#feed.spend(records)
    for (const record of records) this.#unsent.add(record)
    return records
  }

  /** Never needed: what is handed out is settled. */
  async spend(): Promise<void> {}

  /** They are being written to a socket: never again. */
  delivered(records: readonly StoredRecord[]): void {
    for (const record of records) this.#unsent.delete(record)
  }

  rejected(record: StoredRecord): void {
    this.#unsent.delete(record)
  }

  rewind(): void {
    this.#again = [...this.#unsent]
    this.#feed.rewind()
  }

  hasLate(): boolean {
    return this.#feed.hasLate()
  }

  get dropped(): number {
    return this.#feed.dropped
  }

  get paused(): boolean {
    return this.#feed.paused
  }

  get onAppend(): (() => void) | undefined {
    return this.#feed.onAppend
  }

  set onAppend(onAppend: (() => void) | undefined) {
    this.#feed.onAppend = onAppend
  }
}
