import type { Clock } from '../clock.ts'
import type { StoredRecord } from '../model.ts'
import type { CursorHost } from './cursor-host.ts'
import type { GivenUp } from './given-up.ts'
import type { Start } from './opening.ts'
import type { Page, RecordColumns } from './operations.ts'
import type { Reader } from './reader.ts'
import type { CommitSchedule } from './schedule.ts'
import type { Snapshots } from './snapshot.ts'
import type { Stored } from './stored.ts'
import type { Tail, TailEntry } from './tail.ts'

export interface SupplyParts {
  readonly clock: Clock
  readonly start: Start
  readonly tail: Tail
  readonly stored: Stored
  readonly reader: Reader
  readonly schedule: CommitSchedule
  readonly snapshots: Snapshots
  readonly expire: (record: GivenUp) => boolean
}

/** What the cursors take from the outbox, and what they report back. */
export class Supply implements CursorHost {
  /** Set once the outbox is put together: cursors and the rest know each other. */
  #parts: SupplyParts | undefined
  /** Set when the start is on disk, or the disk has failed for so long that the cloud should not wait. */
  isOpen = false

  connect(parts: SupplyParts): void {
    this.#parts = parts
  }

  get #the(): SupplyParts {
    if (!this.#parts) throw new Error('the outbox is not put together')
    return this.#parts
  }

  mayDeliver(): boolean {
    return this.isOpen
  }

  tailFirst(): number {
    return this.#the.tail.first
  }

  head(): number {
    return this.#the.tail.head
  }

  tailEntry(seq: number): TailEntry | undefined {
    return this.#the.tail.get(seq)
  }

  storedThrough(): number {
    return this.#the.stored.last
  }

  currentBoot(): number {
    return this.#the.start.boots.current.boot
  }

  mono(): number {
    return this.#the.clock.mono()
  }

  ageMs(boot: number, mono: number): number {
    return this.#the.start.boots.ageMs(boot, mono, this.mono())
  }

  describe(entry: { readonly seq: number; readonly boot: number; readonly mono: number }) {
    const { boots, epochs } = this.#the.start
    return {
      idPrefix: epochs.idPrefix(entry.seq),
      ts: boots.wallOf(entry.boot, entry.mono),
      clockKnown: boots.isKnown(entry.boot),
    }
  }

  readPage(from: number, through: number, uplink: number, recordsMax?: number): Promise<Page> {
    return this.#the.reader.readPage(from, through, uplink, recordsMax)
  }

  readRetries(uplink: number, after: number, recordsMax: number): Promise<RecordColumns> {
    return this.#the.reader.readRetries(uplink, after, recordsMax)
  }

  settled(by: { wants(target: number): boolean }, seq: number): boolean {
    const { tail, stored } = this.#the
    const entry = tail.get(seq)
    if (entry && by.wants(entry.target)) {
      entry.wantedBy -= 1
      if (entry.wantedBy === 0) tail.forgetSettled()
    }
    return entry?.committing === true || stored.has(seq)
  }

  storedAcks(count: number): void {
    this.#the.schedule.storedAck(count)
  }

  commit(): Promise<void> {
    return this.#the.schedule.now()
  }

  isGone(seq: number): boolean {
    return this.#the.stored.isGone(seq)
  }

  expire(record: GivenUp): boolean {
    return this.#the.expire(record)
  }

  rejected(uplink: number, record: StoredRecord, reason: string, stored?: () => void): void {
    this.#the.snapshots.reject(uplink, record, reason)
    if (stored) this.#the.snapshots.onStored(stored)
    this.#the.schedule.storedAck()
  }

  forgiven(uplink: number, seq: number, stored: () => void): void {
    this.#the.snapshots.forgive(uplink, seq)
    this.#the.snapshots.onStored(stored)
  }
}
