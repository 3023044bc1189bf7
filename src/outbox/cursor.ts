import type { StoredRecord } from '../model.ts'
import type { Account, Settlement } from './account.ts'
import { type Held, HeldBack } from './held-back.ts'
import { KINDS, type Page } from './operations.ts'
import { Ranges } from './ranges.ts'
import type { TailEntry } from './tail.ts'

/** Records of one read from the table; two pages at most are in memory per uplink. */
export const PAGE_RECORDS = 1_000
export const PAGE_BYTES = 512 * 1024
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

/** What the cursor needs of the outbox around it. */
export interface CursorHost {
  /** Oldest seq that is still in memory; everything below is in the table or gone. */
  tailFirst(): number
  head(): number
  tailEntry(seq: number): TailEntry | undefined
  /** Highest seq that may have a row; 0 when the table is empty. */
  storedThrough(): number
  /** Never rejects: reading is tried again until it succeeds. */
  readPage(from: number, through: number, uplink: number, recordsMax?: number): Promise<Page>
  describe(entry: { seq: number; boot: number; mono: number }): Pick<StoredRecord, 'idPrefix' | 'ts' | 'clockKnown'>
  /** The seq was settled by this cursor; true when its row is (or will be) in the table. */
  settled(cursor: Cursor, seq: number): boolean
  /** So many acknowledgements settled rows that are in the table. */
  storedAcks(count: number): void
  rejected(cursor: Cursor, record: StoredRecord, reason: string): void
  /** Given up at a limit: its row may still be there for a moment. */
  isGone(seq: number): boolean
  currentBoot(): number
  mono(): number
}

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
  readonly #host: CursorHost
  /** Absent from the configuration: it keeps its rows up to this number and gets nothing new. */
  wantedThrough: number | undefined
  onAppend: (() => void) | undefined
  /** The ranges differ from what is stored. */
  changed = true

  /** The next seq to look at. */
  #position: number
  /** The last wanted seq before #position. */
  #previous: number
  #buffer: StoredRecord[] = []
  #bufferStart = 0
  #reading: Promise<void> | undefined
  /** Raised by rewind and by drops: a page asked for before is thrown away. */
  #generation = 0
  /** Handed out, oldest first; settled ones are cut off at the front. */
  #outstanding: number[] = []
  #outstandingStart = 0
  #lateThrough: number
  #sessions = 0
  /** The oldest unsettled row that was looked up for the status. */
  #oldest: { readonly seq: number; readonly ts: number | undefined } = { seq: 0, ts: undefined }
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

  /** See Feed.next. */
  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
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
    return this.#reading.then(() => (session === this.#sessions ? this.next(max) : []))
  }

  /** A record that was passed over is durable now: it is read from its row. */
  async #readReleased(held: Held, max: number): Promise<readonly StoredRecord[]> {
    const session = this.#sessions
    const page = await this.#host.readPage(held.seq, held.seq, this.number, 1)
    if (session !== this.#sessions) return []
    this.#heldBack.release()
    if (page.seqs.length === 0 || this.ranges.has(held.seq) || this.#host.isGone(held.seq)) return this.next(max)
    const described = this.#host.describe({ seq: held.seq, boot: page.boots[0] ?? 0, mono: page.monos[0] ?? 0 })
    const content = { source: page.sources[0] ?? '', body: page.text }
    const record = { seq: held.seq, kind: KINDS[page.kinds[0] ?? 0] ?? 'data', ...content, ...described, late: true }
    const after = held.previous === held.seq - 1 ? {} : { after: held.previous }
    this.#outstanding.push(held.seq)
    this.#outstanding = this.#outstanding.slice(this.#outstandingStart).sort((a, b) => a - b)
    this.#outstandingStart = 0
    return [{ ...record, ...after }]
  }

  /** See Feed.delivered. */
  delivered(records: readonly StoredRecord[], acknowledgements = 1): void {
    this.#settle(records, { as: 'delivered', acknowledgements })
  }

  rejected(record: StoredRecord, reason: string): void {
    if (this.ranges.has(record.seq)) return
    this.#host.rejected(this, record, reason)
    this.#settle([record], { as: 'rejected', acknowledgements: 1 })
  }

  #settle(records: readonly StoredRecord[], how: { readonly as: Settlement; readonly acknowledgements: number }): void {
    const wasFull = this.ranges.size >= RANGES_MAX
    let stored = false
    for (const { seq, after } of records) {
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
    while (this.#outstandingStart < this.#outstanding.length) {
      if (!this.ranges.has(this.#outstanding[this.#outstandingStart] ?? 0)) break
      this.#outstandingStart += 1
    }
    if (this.#outstandingStart > 4096) {
      this.#outstanding = this.#outstanding.slice(this.#outstandingStart)
      this.#outstandingStart = 0
    }
    if (wasFull && this.ranges.size < RANGES_MAX) this.onAppend?.()
  }

  rewind(): void {
    this.#sessions += 1
    const prompt = this.#sessions === 1 && this.#host.mono() - this.#openedAt < PROMPT_START_MS
    if (!prompt) this.#lateThrough = this.#host.head()
    this.#forgetBuffer()
    this.#outstanding = []
    this.#outstandingStart = 0
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

  /** Was it handed out and not settled? Such a record is not dropped: its fate is being decided. */
  isOutstanding(seq: number): boolean {
    const front = this.#outstanding[this.#outstandingStart]
    if (front === undefined || seq < front || seq > (this.#outstanding.at(-1) ?? 0)) return false
    return !this.ranges.has(seq)
  }

  /** Every row through this seq is settled or not wanted here. */
  doneThrough(): number {
    if (this.wantedThrough !== undefined) return this.#nextPending(1) - 1
    const oldest = this.#outstanding[this.#outstandingStart] ?? this.#buffer[this.#bufferStart]?.seq ?? this.#position
    return Math.min(oldest, this.#heldBack.first) - 1
  }

  /**
   * Unix ms of the oldest record that is not settled; undefined when there is none, or when it is not known yet: its row is
   * then being read, for the next call.
   */
  oldestPendingTs(): number | undefined {
    const seq = this.#nextPending(1)
    if (seq > this.#host.head()) return undefined
    const entry = this.#host.tailEntry(Math.max(seq, this.#host.tailFirst()))
    if (seq >= this.#host.tailFirst() || seq > this.#host.storedThrough()) {
      return entry && this.#host.describe({ seq, boot: this.#host.currentBoot(), mono: entry.mono }).ts
    }
    if (this.#oldest.seq !== seq) this.#peek(seq)
    return this.#oldest.ts
  }

  #peek(seq: number): void {
    this.#oldest = { seq, ts: undefined }
    void this.#host.readPage(seq, this.#host.storedThrough(), this.number, 1).then((page) => {
      const [boot, mono] = [page.boots[0], page.monos[0]]
      if (boot === undefined || mono === undefined || this.#oldest.seq !== seq) return
      this.#oldest = { seq, ts: this.#host.describe({ seq, boot, mono }).ts }
    })
  }

  #handOut(records: readonly StoredRecord[]): readonly StoredRecord[] {
    for (const record of records) this.#outstanding.push(record.seq)
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
      this.#take(records, entry.seq, entry.kind, entry, boot)
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

  /** Appends the record unless it is settled already; keeps #previous. */
  #take(
    records: StoredRecord[],
    seq: number,
    kind: StoredRecord['kind'],
    content: { readonly source: string; readonly body: string; readonly mono: number },
    boot: number,
  ): void {
    this.#closeHoles(seq)
    if (this.ranges.has(seq)) {
      this.#previous = seq
      return
    }
    if (this.skipped.has(seq) || this.#host.isGone(seq)) return
    const previous = Math.max(this.#previous, this.ranges.lastBefore(seq))
    const { idPrefix, ts, clockKnown } = this.#host.describe({ seq, boot, mono: content.mono })
    const { source, body } = content
    const late = seq <= this.#lateThrough
    records.push(
      previous === seq - 1
        ? { seq, idPrefix, kind, source, body, ts, clockKnown, late }
        : { seq, idPrefix, kind, source, body, ts, clockKnown, late, after: previous },
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
    let at = 0
    for (let i = 0; i < page.seqs.length; i += 1) {
      const seq = page.seqs[i] ?? 0
      const end = at + (page.lengths[i] ?? 0)
      // A slice of the page's text is a reference to it, not a copy.
      const body = page.text.slice(at, end)
      at = end
      const content = { source: page.sources[page.sourceOf[i] ?? 0] ?? '', body, mono: page.monos[i] ?? 0 }
      this.#take(records, seq, KINDS[page.kinds[i] ?? 0] ?? 'data', content, page.boots[i] ?? 0)
    }
    this.#buffer = records
    this.#bufferStart = 0
    this.#position = page.examined + 1
    this.#closeHoles(this.#position)
  }
}
