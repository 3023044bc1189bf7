import type { StoredRecord } from '../model.ts'
import type { FilterSettings, UplinkSettings } from '../uplink-settings.ts'
import type { Settlement } from './account.ts'
import { Backlog } from './backlog.ts'
import type { CursorHost } from './cursor-host.ts'
import { RecordFilter } from './filter.ts'
import type { GivenUp } from './given-up.ts'
import { HeldBack } from './held-back.ts'
import { LiveLane } from './live-lane.ts'
import { OldestPending } from './oldest.ts'
import { PastFilter, type PastRule } from './past-filter.ts'
import { Replay } from './replay.ts'
import { Standing, type StandingOptions } from './standing.ts'
import type { TailEntry } from './tail.ts'

/** An uplink that connects this soon after the start had no outage: what waited for it is not late. */
const PROMPT_START_MS = 5_000

export interface CursorOptions extends StandingOptions {
  readonly paused: boolean
  /** Kept rows that are still to be sent again. */
  readonly replay: readonly (readonly [number, number])[]
  readonly hasRetries: boolean
  readonly mono: number
  readonly order?: UplinkSettings['order'] | undefined
  /** What it wants of new records. */
  readonly filter?: FilterSettings | undefined
  /** What it wants of records from before it existed. */
  readonly past?: PastRule | undefined
  readonly liveRecordsMax?: number | undefined
}

/** One uplink's way through the outbox, in two lanes: the backlog, and with order: live_first what is made meanwhile. */
export class Cursor extends Standing {
  readonly replay: Replay
  readonly filter: RecordFilter | undefined
  readonly past: PastRule | undefined
  onAppend: (() => void) | undefined
  readonly #host: CursorHost
  readonly #backlog: Backlog
  readonly #live: LiveLane
  #paused: boolean
  /** What a page brought that was being read when the pause began. */
  #withheld: readonly StoredRecord[] = []
  /** Newest number from before this session, or before the start where the session followed it at once. */
  #lateThrough: number
  /** Numbers that were live in this session and have become backlog. */
  #behind = { from: Number.POSITIVE_INFINITY, through: 0 }
  #sessions = 0
  readonly #oldest: OldestPending
  readonly #openedAt: number

  constructor(host: CursorHost, options: CursorOptions) {
    super(options)
    this.#host = host
    this.#paused = options.paused
    this.filter = options.filter && new RecordFilter(options.filter)
    this.past = options.past
    const past = options.past && new PastFilter(options.past)
    const heldBack = new HeldBack()
    const { order, liveRecordsMax: recordsMax, replay: ranges, hasRetries, account } = options
    this.#live = new LiveLane(host, this, { isOn: order === 'live_first', recordsMax, heldBack })
    this.#backlog = new Backlog(host, this, { live: this.#live, heldBack, past, isLate: (seq) => this.isLate(seq) })
    this.#oldest = new OldestPending(host, this)
    const isWanted = (row: Parameters<PastFilter['mayWant']>[0]) => past?.mayWant(row) ?? true
    this.replay = new Replay(host, { uplink: this.number, account, ranges, hasRetries, isWanted })
    this.#lateThrough = options.earlierThrough
    this.#openedAt = options.mono
  }

  /** Was it issued before the last outage, or left behind by the live lane? */
  isLate(seq: number): boolean {
    return seq <= this.#lateThrough || (seq >= this.#behind.from && seq <= this.#behind.through)
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

  /** A record that it wants was made. */
  appended(entry: TailEntry): void {
    if (!this.#live.push(entry)) this.#behind.through = entry.seq
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
    const records = this.#backlog.next(max)
    if (!(records instanceof Promise)) return records.length > 0 ? records : this.replay.next(max)
    return records.then((found) => {
      if (session !== this.#sessions) return []
      if (!this.#paused) return found.length > 0 ? found : this.replay.next(max)
      this.#withheld = found
      return []
    })
  }

  /** See Feed.nextLive. */
  nextLive(max: number): readonly StoredRecord[] {
    return this.#paused || !this.#host.mayDeliver() ? [] : this.#live.next(max)
  }

  /** See Feed.spend. */
  async spend(records: readonly StoredRecord[]): Promise<void> {
    if (records.length === 0) return
    this.delivered(records)
    await this.#host.commit()
  }

  /** See Feed.hasLate. */
  hasLate(): boolean {
    return this.#pendingFrom() <= this.#lateThrough
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
    let stored = false
    for (const record of records) {
      if (record.again !== undefined) {
        this.replay.delivered(record)
        stored = true
      } else if (this.settle(record, how.as)) {
        this.#live.settled(record.seq)
        if (this.#host.settled(this, record.seq)) stored = true
      }
    }
    if (stored) this.#host.storedAcks(how.acknowledgements)
    this.tidy()
    const goesOn = this.#backlog.settled()
    const goesOnLive = this.#live.goesOn()
    if (goesOn || goesOnLive) this.onAppend?.()
  }

  rewind(): void {
    this.#sessions += 1
    const prompt = this.#sessions === 1 && this.#host.mono() - this.#openedAt < PROMPT_START_MS
    if (!prompt) this.#lateThrough = this.#host.head()
    this.#behind = { from: this.#host.head() + 1, through: 0 }
    this.#live.begin()
    this.#backlog.rewind()
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
    this.#backlog.passSkipped()
    this.#live.passSkipped()
    this.changed = true
  }

  /** The record was given up for everybody. */
  givenUp(seq: number): void {
    this.#live.drop(seq)
  }

  /** Was it read ahead and not handed out yet? */
  hasReadAhead(seq: number): boolean {
    return this.#backlog.hasReadAhead(seq)
  }

  /** Rows were dropped: what was read ahead and not handed out is read again. */
  discardReadAhead(): void {
    this.#backlog.discardReadAhead()
  }

  /** The table is not what it was: all that was read of it, or waits in memory beside it, is read again. */
  readAgain(): void {
    this.#backlog.discardReadAhead()
    if (this.#live.leaveBehind()) this.#behind.through = this.#host.head()
  }

  /** The oldest record that is handed out and not settled; Infinity: none is. */
  get inFlightFrom(): number {
    return Math.min(this.#backlog.outstanding.first ?? Number.POSITIVE_INFINITY, this.#live.inFlightFrom)
  }

  /** Was it handed out and not settled? Such a record is not dropped: its fate is being decided. */
  isOutstanding(seq: number): boolean {
    return (this.#backlog.outstanding.covers(seq) || this.#live.isInFlight(seq)) && !this.ranges.has(seq)
  }

  /** Every row through this seq is settled or not wanted here, and need not be sent again. */
  doneThrough(): number {
    if (this.wantedThrough !== undefined) return this.nextPending(1) - 1
    return Math.min(this.#backlog.first, this.#live.first, this.replay.first) - 1
  }

  /** No record below this waits or is in flight. */
  #pendingFrom(): number {
    return Math.max(this.nextPending(1), Math.min(this.#backlog.first, this.#live.first))
  }

  /** See OldestPending.ts. */
  oldestPendingTs(): number | undefined {
    return this.#oldest.ts(this.#pendingFrom())
  }
}
