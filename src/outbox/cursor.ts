import type { StoredRecord } from '../model.ts'
import type { Account, Settlement } from './account.ts'
import type { CursorHost } from './cursor-host.ts'
import type { GivenUp } from './given-up.ts'
import { type Held, HeldBack } from './held-back.ts'
import { OldestPending } from './oldest.ts'
import type { Page } from './operations.ts'
import { Outstanding } from './outstanding.ts'
import { eachRow, type PageRow } from './page-rows.ts'
import { Ranges } from './ranges.ts'
import { Replay } from './replay.ts'

/** The next page is fetched when the buffer falls below this, so that a drain never waits for the table. */
const PREFETCH_BELOW = 500
/** Acknowledged ranges per uplink (DESIGN: at most 1,024, then no new holes until old ones close). */
export const RANGES_MAX = 1_024
/**
 * A record that must be durable before anybody sees it holds up those behind it for this long: longer than any healthy
 * sync. Beyond it the disk is failing, readings go past it, and it follows when it is durable.
 */
const HOLD_MS_MAX = 5_000
/** An uplink that connects this soon after the start had no outage: what waited for it is not late. */
const PROMPT_START_MS = 5_000

/**
 * One uplink's way through the outbox: which seqs it settled (acknowledged ranges) and how far it has read. The end of
 * every range is a record this uplink settled: numbers it does not want, was absent for, or lost to a limit (the ledger
 * tells which) are covered by the record behind them, so that `after` can be told from the ranges alone, also after a
 * restart.
 */
export class Cursor {
  readonly number: number
  readonly name: string
  readonly ranges: Ranges
  /** Numbers issued while it was absent from the configuration, until the record behind them is settled. */
  readonly skipped: Ranges
  readonly account: Account
  readonly replay: Replay
  readonly #host: CursorHost
  /** Absent from the configuration: it keeps its rows up to this number and gets nothing new. */
  wantedThrough: number | undefined
  onAppend: (() => void) | undefined
  /** The ranges differ from what is stored. */
  changed = true
  #paused: boolean
  /** What a page brought that was being read when the pause began. */
  #withheld: readonly StoredRecord[] = []

  /** The next seq to look at. */
  #position: number
  /** The last wanted seq before #position. */
  #previous: number
  #buffer: StoredRecord[] = []
  #bufferStart = 0
  #reading: Promise<void> | undefined
  /** Raised by rewind and by drops: a page asked for before is thrown away. */
  #generation = 0
  readonly #outstanding = new Outstanding()
  #lateThrough: number
  #sessions = 0
  readonly #oldest: OldestPending
  /** Records passed over because they are not durable yet. */
  readonly #heldBack = new HeldBack()
  readonly #openedAt: number
  /** Last number of the epochs that are over. */
  readonly #earlierThrough: number
  /** Something of the epochs that are over is not settled. */
  #hasEarlier: boolean

  constructor(
    host: CursorHost,
    options: {
      readonly number: number
      readonly name: string
      readonly ranges: Ranges
      readonly skipped?: Ranges
      readonly account: Account
      readonly wantedThrough?: number | undefined
      readonly paused: boolean
      /** Kept rows that are still to be sent again. */
      readonly replay: readonly (readonly [number, number])[]
      readonly hasRetries: boolean
      /** Last number of earlier epochs. */
      readonly earlierThrough: number
      readonly mono: number
    },
  ) {
    this.#host = host
    this.number = options.number
    this.name = options.name
    this.ranges = options.ranges
    this.skipped = options.skipped ?? new Ranges()
    this.account = options.account
    this.wantedThrough = options.wantedThrough
    this.#paused = options.paused
    this.#oldest = new OldestPending(host, options.number)
    const { replay: again, hasRetries, account, number: uplink } = options
    this.replay = new Replay(host, { uplink, account, ranges: again, hasRetries })
    this.#position = this.#nextPending(1)
    this.#previous = this.ranges.lastBefore(this.#position)
    this.#lateThrough = options.earlierThrough
    this.#earlierThrough = options.earlierThrough
    this.#hasEarlier = options.wantedThrough === undefined
    this.#openedAt = options.mono
  }

  wants(target: number): boolean {
    return target === 0 || target === this.number
  }

  /** Is this stored record one that the uplink wants and has not settled? */
  isPending(seq: number, target: number): boolean {
    if (!this.wants(target) || (this.wantedThrough !== undefined && seq > this.wantedThrough)) return false
    return !this.ranges.has(seq) && !this.skipped.has(seq)
  }

  /** Was it issued before the last outage? */
  isLate(seq: number): boolean {
    return seq <= this.#lateThrough
  }

  get paused(): boolean {
    return this.#paused
  }

  /** A paused uplink is handed nothing; what it has in flight is still settled. */
  setPaused(paused: boolean): void {
    this.#paused = paused
    this.replay.changed = true
    if (!paused) this.onAppend?.()
  }

  /** See Feed.next. What was never sent goes before what an operator wants to have again. */
  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    if (this.#paused || !this.#host.mayDeliver()) return []
    if (this.#withheld.length > 0) {
      const withheld = this.#withheld
      this.#withheld = []
      return withheld
    }
    const session = this.#sessions
    const records = this.#nextWanted(max)
    if (!(records instanceof Promise)) return records.length > 0 ? records : this.replay.next(max)
    return records.then((found) => {
      if (session !== this.#sessions) return []
      if (!this.#paused) return found.length > 0 ? found : this.replay.next(max)
      this.#withheld = found
      return []
    })
  }

  #nextWanted(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    const due = this.#heldBack.due(this.#host.tailFirst())
    if (due) return this.#readReleased(due, max)
    if (this.#buffer.length > this.#bufferStart) {
      const records = this.#buffer.slice(this.#bufferStart, this.#bufferStart + max)
      this.#bufferStart += records.length
      if (this.#buffer.length - this.#bufferStart < PREFETCH_BELOW) this.#prefetch()
      return this.#handOut(records)
    }
    if (this.#nextPending(this.#position) > this.#handOutThrough()) return []
    if (!this.#reading && this.#position >= this.#host.tailFirst()) return this.#handOut(this.#fromTail(max))
    this.#prefetch()
    // Nothing is left in the table below the tail: on with the tail.
    if (!this.#reading) return this.#handOut(this.#fromTail(max))
    const session = this.#sessions
    return this.#reading.then(() => (session === this.#sessions ? this.#nextWanted(max) : []))
  }

  /** A record that was passed over is durable now: it is read from its row. */
  async #readReleased(held: Held, max: number): Promise<readonly StoredRecord[]> {
    const session = this.#sessions
    const page = await this.#host.readPage(held.seq, held.seq, this.number, 1)
    if (session !== this.#sessions) return []
    this.#heldBack.release()
    const records: StoredRecord[] = []
    eachRow(page, (row) => {
      const { seq, kind, source, body } = row
      if (this.ranges.has(seq) || this.skipped.has(seq) || this.#host.isGone(seq)) return
      const after = held.previous === seq - 1 ? {} : { after: held.previous }
      const { boot, mono } = row
      records.push({ seq, kind, source, body, boot, mono, ...this.#host.describe(row), late: true, ...after })
      this.#outstanding.insert(seq)
    })
    return records.length > 0 ? records : this.#nextWanted(max)
  }

  /** See Feed.nextLive. */
  nextLive(_max: number): readonly StoredRecord[] {
    return []
  }

  /** See Feed.spend. */
  async spend(records: readonly StoredRecord[]): Promise<void> {
    this.delivered(records)
  }

  /** See Feed.hasLate. */
  hasLate(): boolean {
    return this.#nextPending(1) <= this.#lateThrough
  }

  /** See Feed.dropped. */
  get dropped(): number {
    return this.account.sinceStart.dropped
  }

  /** See Feed.delivered. */
  delivered(records: readonly StoredRecord[], acknowledgements = 1): void {
    this.#settle(records, { as: 'delivered', acknowledgements })
  }

  rejected(record: StoredRecord, reason: string): void {
    if (record.again !== undefined) {
      this.replay.rejected(record, reason)
      this.#host.storedAcks(1)
      return
    }
    if (this.ranges.has(record.seq)) return
    this.#host.rejected(this.number, record, reason)
    this.#settle([record], { as: 'rejected', acknowledgements: 1 })
  }

  #settle(records: readonly StoredRecord[], how: { readonly as: Settlement; readonly acknowledgements: number }): void {
    const wasFull = this.ranges.size >= RANGES_MAX
    let stored = false
    for (const record of records) {
      const { seq, after } = record
      if (record.again !== undefined) {
        this.replay.delivered(record)
        stored = true
        continue
      }
      // An answer that comes twice counts once.
      if (this.ranges.has(seq)) continue
      this.account.add(seq, how.as)
      this.ranges.add((after ?? seq - 1) + 1, seq)
      if (this.#host.settled(this, seq)) stored = true
    }
    if (stored) this.#host.storedAcks(how.acknowledgements)
    this.changed = true
    if (this.#hasEarlier && this.#nextPending(1) > this.#earlierThrough) {
      this.#hasEarlier = false
      this.account.skipRest(this.#earlierThrough)
    }
    this.#outstanding.forget((seq) => this.ranges.has(seq))
    if (wasFull && this.ranges.size < RANGES_MAX) this.onAppend?.()
  }

  rewind(): void {
    this.#sessions += 1
    const prompt = this.#sessions === 1 && this.#host.mono() - this.#openedAt < PROMPT_START_MS
    if (!prompt) this.#lateThrough = this.#host.head()
    this.#forgetBuffer()
    this.#outstanding.clear()
    this.#withheld = []
    this.replay.rewind()
  }

  /** Can the record be given up for this uplink alone? Not when it is in flight, nor when it was given up for all. */
  mayDrop({ seq, target }: GivenUp): boolean {
    return this.isPending(seq, target) && !this.isOutstanding(seq) && !this.#host.isGone(seq)
  }

  /** Numbers it does not want any more. */
  skip(ranges: readonly (readonly [number, number])[]): void {
    for (const [from, to] of ranges) this.skipped.add(from, to)
    this.discardReadAhead()
    this.#position = this.#nextPending(this.#position)
    this.changed = true
  }

  /** Was it read ahead and not handed out yet? */
  hasReadAhead(seq: number): boolean {
    const first = this.#buffer[this.#bufferStart]
    return first !== undefined && seq >= first.seq && seq <= (this.#buffer.at(-1)?.seq ?? 0)
  }

  /** Rows were dropped: what was read ahead and not handed out is read again. */
  discardReadAhead(): void {
    const firstUnhanded = this.#buffer[this.#bufferStart]
    const position = firstUnhanded ? firstUnhanded.seq : this.#position
    const previous = firstUnhanded ? (firstUnhanded.after ?? firstUnhanded.seq - 1) : this.#previous
    this.#buffer = []
    this.#bufferStart = 0
    this.#generation += 1
    this.#reading = undefined
    this.#position = position
    this.#previous = previous
  }

  #forgetBuffer(): void {
    this.#heldBack.clear()
    this.#buffer = []
    this.#bufferStart = 0
    this.#generation += 1
    this.#reading = undefined
    this.#position = this.#nextPending(1)
    this.#previous = this.ranges.lastBefore(this.#position)
  }

  /** The oldest record that is handed out and not settled; Infinity: none is. */
  get inFlightFrom(): number {
    return this.#outstanding.first ?? Number.POSITIVE_INFINITY
  }

  /** Was it handed out and not settled? Such a record is not dropped: its fate is being decided. */
  isOutstanding(seq: number): boolean {
    return this.#outstanding.covers(seq) && !this.ranges.has(seq)
  }

  /** Every row through this seq is settled or not wanted here, and need not be sent again. */
  doneThrough(): number {
    if (this.wantedThrough !== undefined) return this.#nextPending(1) - 1
    const oldest = this.#outstanding.first ?? this.#buffer[this.#bufferStart]?.seq ?? this.#position
    return Math.min(oldest, this.#heldBack.first, this.replay.first) - 1
  }

  /** See OldestPending.ts. */
  oldestPendingTs(): number | undefined {
    return this.#oldest.ts(this.#nextPending(1))
  }

  #handOut(records: readonly StoredRecord[]): readonly StoredRecord[] {
    for (const record of records) this.#outstanding.add(record.seq)
    return records
  }

  #fromTail(max: number): StoredRecord[] {
    const records: StoredRecord[] = []
    const boot = this.#host.currentBoot()
    this.#position = Math.max(this.#position, this.#host.tailFirst())
    this.#closeHoles(this.#position)
    const through = Math.min(this.#host.head(), this.#handOutThrough())
    while (records.length < max && this.#position <= through) {
      const entry = this.#host.tailEntry(this.#position)
      const isWanted = entry !== undefined && entry.wantedBy > 0 && this.wants(entry.target)
      if (isWanted && entry.held && this.#host.mono() - entry.appendedAt < HOLD_MS_MAX) break
      this.#position += 1
      if (!isWanted) continue
      if (entry.held) {
        this.#heldBack.add({ seq: entry.seq, previous: Math.max(this.#previous, this.ranges.lastBefore(entry.seq)) })
        this.#previous = entry.seq
        continue
      }
      this.#take(records, entry, boot)
    }
    return records
  }

  /** Above this nothing is handed out: with too many holes no new ones are made, until old ones close. */
  #handOutThrough(): number {
    return this.ranges.size >= RANGES_MAX ? this.ranges.last : Number.POSITIVE_INFINITY
  }

  /** The first number from `seq` on that is neither settled nor skipped. */
  #nextPending(seq: number): number {
    let pending = this.ranges.nextOutside(seq)
    while (this.skipped.has(pending)) pending = this.ranges.nextOutside(this.skipped.nextOutside(pending))
    return pending
  }

  /** Everything between #previous and `seq` was looked at: what is not settled there is gone, skipped or not wanted. */
  #closeHoles(seq: number): void {
    const settled = this.ranges.has(seq) ? seq : this.ranges.lastBefore(seq)
    if (settled <= this.#previous || this.ranges.nextOutside(this.#previous + 1) > settled) return
    this.ranges.add(this.#previous + 1, settled)
    this.changed = true
  }

  /** Appends the record unless it is settled already or has grown too old; keeps #previous. */
  #take(records: StoredRecord[], content: Omit<PageRow, 'boot'>, boot: number): void {
    const { seq, kind, source, body, mono, target, expires } = content
    this.#closeHoles(seq)
    if (this.ranges.has(seq)) {
      this.#previous = seq
      return
    }
    if (this.skipped.has(seq) || this.#host.isGone(seq)) return
    if (expires > 0 && this.#host.ageMs(boot, mono) > expires && this.#host.expire({ seq, boot, mono, target })) return
    const previous = Math.max(this.#previous, this.ranges.lastBefore(seq))
    const { idPrefix, ts, clockKnown } = this.#host.describe({ seq, boot, mono })
    const late = this.isLate(seq)
    records.push(
      previous === seq - 1
        ? { seq, idPrefix, kind, source, body, boot, mono, ts, clockKnown, late }
        : { seq, idPrefix, kind, source, body, boot, mono, ts, clockKnown, late, after: previous },
    )
    this.#previous = seq
  }

  /** Starts reading the next page unless one is on its way or nothing is there to read. */
  #prefetch(): void {
    if (this.#reading) return
    const through = Math.min(this.#host.tailFirst() - 1, this.#host.storedThrough(), this.#handOutThrough())
    const from = this.#nextPending(this.#position)
    if (from > through) return
    const generation = this.#generation
    this.#reading = this.#host.readPage(from, through, this.number).then((page) => {
      if (generation === this.#generation) this.#takePage(page)
    })
  }

  #takePage(page: Page): void {
    this.#reading = undefined
    const records = this.#bufferStart < this.#buffer.length ? this.#buffer.slice(this.#bufferStart) : []
    eachRow(page, (row) => this.#take(records, row, row.boot))
    this.#buffer = records
    this.#bufferStart = 0
    this.#position = page.examined + 1
    this.#closeHoles(this.#position)
  }
}
