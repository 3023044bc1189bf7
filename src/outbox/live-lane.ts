import type { StoredRecord } from '../model.ts'
import { Chain } from './chain.ts'
import type { CursorHost } from './cursor-host.ts'
import { type HeldBack, HOLD_MS_MAX } from './held-back.ts'
import { RANGES_MAX, type Standing } from './standing.ts'
import type { TailEntry } from './tail.ts'

/** Records that wait in the live lane; with more it is left behind, and they join the backlog. */
const LIVE_RECORDS_MAX = 4_000
const LIVE_BYTES_MAX = 1024 * 1024

export interface LiveOptions {
  readonly isOn: boolean
  /** Instead of LIVE_RECORDS_MAX. */
  readonly recordsMax?: number | undefined
  readonly heldBack: HeldBack
}

/**
 * order: live_first. What is made while a session lasts, handed out beside the backlog and from memory alone, whether it is
 * on disk by now or not. It begins with the next record to be made when a session begins. When more waits here than memory
 * is meant for, all of it becomes backlog, and the lane begins anew with the next record.
 */
export class LiveLane {
  readonly #host: CursorHost
  readonly #standing: Standing
  readonly #isOn: boolean
  readonly #recordsMax: number
  readonly #heldBack: HeldBack
  readonly #chain: Chain
  /** Numbers from this one on are handed out here and nowhere else; Infinity: none are. */
  from = Number.POSITIVE_INFINITY
  /** Wanted, not handed out yet; the first #start are done with. */
  #queue: TailEntry[] = []
  #start = 0
  #bytes = 0
  /** The newest record this uplink wants: the first one of the lane comes after it. */
  #newest = 0
  /** Handed out and not settled, in order; also of numbers that have become backlog since. */
  #inFlight = new Set<number>()
  /** Nothing was handed out, because of too many holes. */
  #isHeldUp = false

  constructor(host: CursorHost, standing: Standing, options: LiveOptions) {
    this.#host = host
    this.#standing = standing
    this.#isOn = options.isOn
    this.#recordsMax = options.recordsMax ?? LIVE_RECORDS_MAX
    this.#heldBack = options.heldBack
    this.#chain = new Chain(host, standing)
  }

  /** A session begins: nothing of the one before is in flight any more. */
  begin(): void {
    this.#inFlight.clear()
    this.#isHeldUp = false
    if (this.#isOn) this.#beginAnew()
  }

  #beginAnew(): void {
    this.from = this.#host.head() + 1
    this.#chain.previous = this.#newest
    this.#queue = []
    this.#start = 0
    this.#bytes = 0
  }

  /** A record that the uplink wants was made. False: that was too much; all through this one is backlog now. */
  push(entry: TailEntry): boolean {
    this.#newest = entry.seq
    if (entry.seq < this.from) return true
    this.#queue.push(entry)
    this.#bytes += entry.body.length
    if (this.#queue.length - this.#start <= this.#recordsMax && this.#bytes <= LIVE_BYTES_MAX) return true
    this.#beginAnew()
    return false
  }

  /** All that waits becomes backlog; false: the lane is not in use. */
  leaveBehind(): boolean {
    if (this.from === Number.POSITIVE_INFINITY) return false
    this.#beginAnew()
    return true
  }

  next(max: number): StoredRecord[] {
    const records: StoredRecord[] = []
    this.#isHeldUp = this.#standing.ranges.size >= RANGES_MAX
    if (this.#isHeldUp) return records
    const how = { boot: this.#host.currentBoot(), late: false }
    while (records.length < max) {
      const entry = this.#queue[this.#start]
      if (entry === undefined || this.#mustWait(entry)) break
      this.#shift(entry)
      if (this.#isHeld(entry)) {
        this.#heldBack.add({ seq: entry.seq, previous: this.#chain.previousOf(entry.seq) })
        this.#chain.previous = entry.seq
        continue
      }
      const record = this.#chain.take(entry, how)
      if (record === undefined) continue
      this.#inFlight.add(record.seq)
      records.push(record)
    }
    return records
  }

  /** Nobody may see it before it is durable; what has left the tail is. */
  #isHeld(entry: TailEntry): boolean {
    return entry.held && entry.seq >= this.#host.tailFirst()
  }

  #mustWait(entry: TailEntry): boolean {
    return this.#isHeld(entry) && this.#host.mono() - entry.appendedAt < HOLD_MS_MAX
  }

  #shift(entry: TailEntry): void {
    this.#start += 1
    this.#bytes -= entry.body.length
    if (this.#start < 1024 && this.#start < this.#queue.length) return
    this.#queue = this.#queue.slice(this.#start)
    this.#start = 0
  }

  /** Some of what waits is not wanted any more. */
  passSkipped(): void {
    const left = this.#queue.slice(this.#start).filter(({ seq }) => !this.#standing.skipped.has(seq))
    this.#queue = left
    this.#start = 0
    this.#bytes = left.reduce((sum, { body }) => sum + body.length, 0)
  }

  /** It is given up: nobody gets it any more. */
  drop(seq: number): void {
    const index = this.#indexOf(seq)
    const entry = this.#queue[index]
    if (entry?.seq !== seq) return
    this.#queue.splice(index, 1)
    this.#bytes -= entry.body.length
  }

  #indexOf(seq: number): number {
    let low = this.#start
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#queue[middle]?.seq ?? 0) < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  isInFlight(seq: number): boolean {
    return this.#inFlight.has(seq)
  }

  settled(seq: number): void {
    this.#inFlight.delete(seq)
  }

  /** To be asked when answers came. True, once: there were too many holes, and now it goes on. */
  goesOn(): boolean {
    if (!this.#isHeldUp || this.#standing.ranges.size >= RANGES_MAX) return false
    this.#isHeldUp = false
    return true
  }

  /** One that was passed over is handed out. */
  insert(seq: number): void {
    this.#inFlight = new Set([...this.#inFlight, seq].sort((a, b) => a - b))
  }

  /** The oldest record in flight; Infinity: none is. */
  get inFlightFrom(): number {
    return this.#inFlight.values().next().value ?? Number.POSITIVE_INFINITY
  }

  /** The lowest number that is not settled and done with here; Infinity: the lane is not in use. */
  get first(): number {
    const next = this.#queue[this.#start]?.seq ?? (this.#isOn ? this.#host.head() + 1 : Number.POSITIVE_INFINITY)
    return Math.min(this.inFlightFrom, next)
  }
}
