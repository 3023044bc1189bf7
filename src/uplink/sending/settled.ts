import type { StoredRecord } from '../../model.ts'
import type { Feed } from '../feed.ts'

/** What is left of a record of several pieces. */
interface Parts {
  left: number
  /** Why the cloud will never take one of them. */
  refused: string | undefined
}

/**
 * Collects what the cloud took, so that the feed is told once per turn and not once per record, and not before all pieces
 * of a record are taken.
 */
export class Settled {
  readonly #feed: Feed
  readonly #parts = new Map<StoredRecord, Parts>()
  #records: StoredRecord[] = []
  #messages = 0
  /** Records made before the session they were delivered in. */
  late = 0

  constructor(feed: Feed) {
    this.#feed = feed
  }

  /** The record goes in so many pieces; to be told of all but those that go in one. */
  expect(record: StoredRecord, pieces: number): void {
    if (pieces === 0) this.#records.push(record)
    else this.#parts.set(record, { left: pieces, refused: undefined })
  }

  /** The cloud took a message with pieces of these records. */
  taken(records: readonly StoredRecord[]): void {
    this.#messages += 1
    if (this.#parts.size === 0) for (const record of records) this.#records.push(record)
    else for (const record of records) this.#pieceDone(record)
  }

  /** A piece that the record does not depend on came to its end. */
  done(record: StoredRecord): void {
    if (this.#parts.has(record)) this.#pieceDone(record)
  }

  /** The cloud will never take a piece of this record. */
  refused(record: StoredRecord, reason: string): void {
    this.#pieceDone(record, reason)
  }

  #pieceDone(record: StoredRecord, refused?: string): void {
    const parts = this.#parts.get(record)
    if (parts) {
      parts.left -= 1
      parts.refused ??= refused
      if (parts.left > 0) return
      this.#parts.delete(record)
    }
    const reason = parts ? parts.refused : refused
    if (reason === undefined) this.#records.push(record)
    else this.#feed.rejected(record, reason)
  }

  flush(): void {
    if (this.#records.length === 0) return
    const records = this.#records
    const messages = this.#messages
    this.#records = []
    this.#messages = 0
    if (!isSorted(records)) records.sort((a, b) => a.seq - b.seq)
    for (const record of records) if (record.late) this.late += 1
    this.#feed.delivered(records, messages)
  }

  /** The session is over: pieces without an answer come again with their record. */
  end(): void {
    this.flush()
    this.#parts.clear()
  }
}

function isSorted(records: readonly StoredRecord[]): boolean {
  for (let index = 1; index < records.length; index += 1) {
    if ((records[index]?.seq ?? 0) < (records[index - 1]?.seq ?? 0)) return false
  }
  return true
}
