import type { StoredRecord } from '../model.ts'
import { Chain } from './chain.ts'
import type { CursorHost } from './cursor-host.ts'
import { type Held, type HeldBack, HOLD_MS_MAX } from './held-back.ts'
import type { LiveLane } from './live-lane.ts'
import type { Page } from './operations.ts'
import { Outstanding } from './outstanding.ts'
import { eachRow } from './page-rows.ts'
import type { PastFilter } from './past-filter.ts'
import { RANGES_MAX, type Standing } from './standing.ts'

/** The next page is fetched when the buffer falls below this, so that a drain never waits for the table. */
const PREFETCH_BELOW = 500

export interface BacklogParts {
  readonly live: LiveLane
  readonly heldBack: HeldBack
  readonly past?: PastFilter | undefined
  /** Was it issued before the last outage? */
  readonly isLate: (seq: number) => boolean
}

/**
 * One uplink's way through everything that waits, oldest first: from the table, a page ahead, then from the tail, up to where
 * the live lane begins.
 */
export class Backlog {
  readonly #host: CursorHost
  readonly #standing: Standing
  readonly #parts: BacklogParts
  readonly #chain: Chain
  /** The next seq to look at. */
  #position = 0
  #buffer: StoredRecord[] = []
  #bufferStart = 0
  #reading: Promise<void> | undefined
  /** Raised by rewind and by drops: a page asked for before is thrown away. */
  #generation = 0
  #sessions = 0
  readonly outstanding = new Outstanding()
  /** Nothing was handed out above this, because of too many holes. */
  #heldUpAt: number | undefined

  constructor(host: CursorHost, standing: Standing, parts: BacklogParts) {
    this.#host = host
    this.#standing = standing
    this.#parts = parts
    this.#chain = new Chain(host, standing, parts.past)
    this.#startOver()
  }

  /** Begins again with the first record that is not settled. */
  rewind(): void {
    this.#sessions += 1
    this.#parts.heldBack.clear()
    this.#heldUpAt = undefined
    this.outstanding.clear()
    this.#startOver()
  }

  #startOver(): void {
    this.#forgetBuffer()
    this.#position = this.#standing.nextPending(1)
    this.#chain.previous = this.#standing.ranges.lastBefore(this.#position)
  }

  #forgetBuffer(): void {
    this.#buffer = []
    this.#bufferStart = 0
    this.#generation += 1
    this.#reading = undefined
  }

  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    const due = this.#parts.heldBack.due(this.#host.tailFirst())
    if (due) return this.#readReleased(due, max)
    if (this.#buffer.length > this.#bufferStart) {
      const records = this.#buffer.slice(this.#bufferStart, this.#bufferStart + max)
      this.#bufferStart += records.length
      if (this.#buffer.length - this.#bufferStart < PREFETCH_BELOW) this.#prefetch()
      return this.#handOut(records)
    }
    if (this.#isHeldUp()) return []
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
    const page = await this.#host.readPage(held.seq, held.seq, this.#standing.number, 1)
    if (session !== this.#sessions) return []
    const { heldBack, live } = this.#parts
    heldBack.release()
    const records: StoredRecord[] = []
    eachRow(page, (row) => {
      const { seq, kind, source, body, boot, mono, reply } = row
      if (this.#standing.isOver(seq) || this.#host.isGone(seq)) return
      const more = { ...(held.previous === seq - 1 ? {} : { after: held.previous }), ...(reply ? { reply } : {}) }
      records.push({ seq, kind, source, body, boot, mono, ...this.#host.describe(row), late: true, ...more })
      if (seq < this.#position) this.outstanding.insert(seq)
      else live.insert(seq)
    })
    return records.length > 0 ? records : this.next(max)
  }

  #handOut(records: readonly StoredRecord[]): readonly StoredRecord[] {
    for (const record of records) this.outstanding.add(record.seq)
    return records
  }

  #fromTail(max: number): StoredRecord[] {
    const records: StoredRecord[] = []
    const boot = this.#host.currentBoot()
    // What lies beyond the beginning of the live lane was not looked at here.
    this.#position = Math.max(this.#position, Math.min(this.#host.tailFirst(), this.#parts.live.from))
    this.#chain.closeHoles(this.#position)
    const through = Math.min(this.#host.head(), this.#handOutThrough())
    while (records.length < max && this.#position <= through) {
      const entry = this.#host.tailEntry(this.#position)
      const isWanted = entry !== undefined && entry.wantedBy > 0 && this.#standing.wants(entry.target)
      if (isWanted && entry.held && this.#host.mono() - entry.appendedAt < HOLD_MS_MAX) break
      this.#position += 1
      if (!isWanted) continue
      const { seq } = entry
      if (entry.held && !this.#parts.heldBack.has(seq)) {
        this.#parts.heldBack.add({ seq, previous: this.#chain.previousOf(seq) })
        this.#chain.previous = seq
        continue
      }
      this.#take(records, entry, boot)
    }
    return records
  }

  #take(records: StoredRecord[], content: Parameters<Chain['take']>[0], boot: number): void {
    const { seq } = content
    if (this.#parts.live.isInFlight(seq) || this.#parts.heldBack.has(seq)) {
      // Handed out in this session while it was live, or passed over then.
      this.#chain.closeHoles(seq)
      this.#chain.previous = seq
      return
    }
    const record = this.#chain.take(content, { boot, late: this.#parts.isLate(seq) })
    if (record) records.push(record)
  }

  /** Above this nothing is handed out: with too many holes no new ones are made, until old ones close. */
  #handOutThrough(): number {
    const { ranges } = this.#standing
    const end = this.#parts.live.from - 1
    if (ranges.size < RANGES_MAX) return end
    if (end === Number.POSITIVE_INFINITY) return ranges.last
    // Ranges of the live lane lie above: only going on here closes their holes. What is in flight can leave so many more.
    return this.outstanding.size < RANGES_MAX ? end : 0
  }

  #isHeldUp(): boolean {
    const through = this.#handOutThrough()
    const isHeldUp = this.#standing.nextPending(this.#position) > through && through < this.#parts.live.from - 1
    this.#heldUpAt = isHeldUp ? through : undefined
    return isHeldUp
  }

  /** Answers came. True, once: there were too many holes, and now it goes on. */
  settled(): boolean {
    this.outstanding.forget((seq) => this.#standing.ranges.has(seq))
    if (this.#parts.live.from <= this.#position) this.#chain.closeHoles(this.#position)
    if (this.#heldUpAt === undefined || this.#handOutThrough() <= this.#heldUpAt) return false
    this.#heldUpAt = undefined
    return true
  }

  /** Starts reading the next page unless one is on its way or nothing is there to read. */
  #prefetch(): void {
    if (this.#reading) return
    const through = Math.min(this.#host.tailFirst() - 1, this.#host.storedThrough(), this.#handOutThrough())
    const from = this.#standing.nextPending(this.#position)
    if (from > through) return
    const generation = this.#generation
    this.#reading = this.#host.readPage(from, through, this.#standing.number).then((page) => {
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
    this.#chain.closeHoles(this.#position)
  }

  /** Numbers were skipped: what was read ahead is read again, without them. */
  passSkipped(): void {
    this.discardReadAhead()
    this.#position = this.#standing.nextPending(this.#position)
  }

  /** Was it read ahead and not handed out yet? */
  hasReadAhead(seq: number): boolean {
    const first = this.#buffer[this.#bufferStart]
    return first !== undefined && seq >= first.seq && seq <= (this.#buffer.at(-1)?.seq ?? 0)
  }

  /** Rows were dropped: what was read ahead and not handed out is read again. */
  discardReadAhead(): void {
    const first = this.#buffer[this.#bufferStart]
    this.#forgetBuffer()
    if (!first) return
    this.#position = first.seq
    this.#chain.previous = first.after ?? first.seq - 1
  }

  /** The lowest number that is not settled and done with here; Infinity: the rest is up to the live lane. */
  get first(): number {
    const position = this.#position >= this.#parts.live.from ? Number.POSITIVE_INFINITY : this.#position
    const next = this.#buffer[this.#bufferStart]?.seq ?? position
    return Math.min(this.outstanding.first ?? next, next, this.#parts.heldBack.first)
  }
}
