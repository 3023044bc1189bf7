import type { StoredRecord } from '../model.ts'
import type { Account } from './account.ts'
import type { Page, RecordColumns } from './operations.ts'
import { eachRow, type PageRow } from './page-rows.ts'
import { Ranges } from './ranges.ts'

/** What the replay needs of the outbox around it. */
export interface ReplayHost {
  readPage(from: number, through: number, uplink: number, recordsMax?: number): Promise<Page>
  readRetries(uplink: number, after: number, recordsMax: number): Promise<RecordColumns>
  describe(entry: { seq: number; boot: number; mono: number }): Pick<StoredRecord, 'idPrefix' | 'ts' | 'clockKnown'>
  /** A rejected record was delivered after all: its row goes with the next commit, after which `stored` is called. */
  forgiven(uplink: number, seq: number, stored: () => void): void
  /** The cloud refused it for good: it is kept with the reason by the next commit, after which `stored` is called. */
  rejected(uplink: number, record: StoredRecord, reason: string, stored?: () => void): void
}

/**
 * What one uplink sends a second time because an operator said so: kept rows, and rejected records that are tried once
 * more. It has its turn when nothing is left that was never sent, so it delays no fresh reading; it goes on after a
 * restart with what was not acknowledged.
 */
export class Replay {
  readonly #host: ReplayHost
  readonly #uplink: number
  readonly #account: Account
  /** Does it want the row, as far as it can tell by itself? */
  readonly #isWanted: (row: PageRow) => boolean
  /** Kept rows to send again: closed ranges, in order. */
  #ranges: (readonly [number, number])[]
  /** Of these, what was acknowledged in this run, or has no row any more. */
  #done = new Ranges()
  #at = 0
  /** All is handed out; the rest is up to the cloud. */
  #allRead = false
  #hasRetries: boolean
  #retriesAfter = 0
  /** Rejected records that are at hand or in flight. */
  readonly #retrying = new Set<number>()
  /** Rejected records with an answer that is not stored yet: their rows are still marked. */
  readonly #retried = new Set<number>()
  #buffer: StoredRecord[] = []
  /** Raised when reading starts over: a page asked for before is thrown away. */
  #generation = 0
  /** The ranges differ from what is stored. */
  changed = false

  constructor(
    host: ReplayHost,
    options: {
      readonly uplink: number
      readonly account: Account
      readonly ranges: readonly (readonly [number, number])[]
      readonly hasRetries: boolean
      readonly isWanted: (row: PageRow) => boolean
    },
  ) {
    this.#host = host
    this.#uplink = options.uplink
    this.#account = options.account
    this.#ranges = [...options.ranges]
    this.#hasRetries = options.hasRetries
    this.#isWanted = options.isWanted
  }

  /** Kept rows of [from, through] are to be sent again. */
  add(from: number, through: number): void {
    this.#ranges = new Ranges([...this.#left(), [from, through]]).toJSON()
    this.#done = new Ranges()
    this.#startOver()
    this.changed = true
  }

  /** Rejected records were marked to be tried once more. */
  addRetries(): void {
    this.#hasRetries = true
    this.#retriesAfter = 0
  }

  /** What is not done, with every hole. */
  #left(): [number, number][] {
    return this.#ranges.flatMap(([from, through]) => {
      const pieces: [number, number][] = []
      let at = from
      for (const [low, high] of this.#done.toJSON()) {
        if (high < at || low > through) continue
        if (low > at) pieces.push([at, low - 1])
        at = high + 1
      }
      if (at <= through) pieces.push([at, through])
      return pieces
    })
  }

  /** What is left, for the next start. */
  remaining(): [number, number][] {
    return this.#ranges.flatMap(([from, through]): [number, number][] => {
      const left = this.#done.nextOutside(from)
      return left <= through ? [[left, through]] : []
    })
  }

  /** The lowest row that is still needed; Infinity when none is. */
  get first(): number {
    return this.#ranges.length === 0
      ? Number.POSITIVE_INFINITY
      : Math.min(Number.POSITIVE_INFINITY, ...this.remaining().map(([from]) => from))
  }

  /** The next records to send again, at most `max`; empty: nothing is left. */
  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    if (this.#buffer.length > 0) return this.#buffer.splice(0, max)
    if (!this.#hasRetries && (this.#ranges.length === 0 || this.#allRead)) return []
    return this.#read(max)
  }

  async #read(max: number): Promise<readonly StoredRecord[]> {
    while (this.#hasRetries && this.#buffer.length === 0) await this.#readRetries(max)
    while (this.#buffer.length === 0 && this.#ranges.length > 0 && !this.#allRead) await this.#readKept(max)
    return this.#buffer.splice(0, max)
  }

  async #readRetries(max: number): Promise<void> {
    const generation = this.#generation
    const page = await this.#host.readRetries(this.#uplink, this.#retriesAfter, max)
    if (generation !== this.#generation) return
    this.#retriesAfter = page.seqs.at(-1) ?? this.#retriesAfter
    if (page.seqs.length < max) this.#hasRetries = false
    this.#take(page, 'retry')
  }

  /** Reads on behind what was read; ends the replay when nothing is left to read. */
  async #readKept(max: number): Promise<void> {
    const range = this.remaining().find(([, through]) => through >= this.#at)
    if (!range) {
      this.#allRead = true
      return
    }
    const generation = this.#generation
    const from = Math.max(range[0], this.#at)
    const page = await this.#host.readPage(from, range[1], this.#uplink, max)
    if (generation !== this.#generation) return
    this.#close(from, page)
    this.#at = page.examined + 1
    this.#take(page, 'replay')
  }

  /** Numbers without a row were removed in the meantime: there is nothing to send for them. */
  #close(from: number, page: Page): void {
    let expected = from
    for (const seq of page.seqs) {
      this.#done.add(expected, seq - 1)
      expected = seq + 1
    }
    this.#done.add(expected, page.examined)
    this.changed = true
  }

  #take(page: RecordColumns, again: 'replay' | 'retry'): void {
    let previous: number | undefined
    eachRow(page, (row) => {
      if (again === 'retry' ? this.#isTried(row.seq) : this.#done.has(row.seq)) return
      if (again === 'replay' && !this.#isWanted(row)) {
        this.#done.add(row.seq, row.seq)
        return
      }
      if (again === 'retry') this.#retrying.add(row.seq)
      this.#buffer.push(this.#record(row, again, again === 'replay' ? previous : undefined))
      previous = row.seq
    })
  }

  #isTried(seq: number): boolean {
    return this.#retrying.has(seq) || this.#retried.has(seq)
  }

  #record(row: PageRow, again: 'replay' | 'retry', previous: number | undefined): StoredRecord {
    const { seq, kind, source, body, boot, mono, reply } = row
    const content = { seq, kind, source, body, boot, mono, ...(reply ? { reply } : {}) }
    const record = { ...content, ...this.#host.describe(row), late: true, again }
    return previous === undefined || previous === seq - 1 ? record : { ...record, after: previous }
  }

  /** The cloud took it (again). */
  delivered(record: StoredRecord): void {
    const { seq } = record
    if (record.again === 'retry') {
      // Asked for once and answered twice, or answered in the session before: it counts once.
      if (!this.#retrying.delete(seq)) return
      this.#retried.add(seq)
      this.#account.forgive(seq)
      this.#host.forgiven(this.#uplink, seq, () => this.#retried.delete(seq))
      return
    }
    if (this.#done.has(seq)) return
    this.#account.replayed(seq)
    this.#settle(seq)
  }

  /** The cloud does not take it (any more): a retry goes back to the rejected records, a replay is over for it. */
  rejected(record: StoredRecord, reason: string): void {
    const { seq } = record
    if (record.again === 'replay') {
      this.#settle(seq)
      return
    }
    if (!this.#retrying.delete(seq)) return
    this.#retried.add(seq)
    this.#host.rejected(this.#uplink, record, reason, () => this.#retried.delete(seq))
  }

  #settle(seq: number): void {
    this.#done.add(seq, seq)
    this.changed = true
    this.#forgetDone()
  }

  #forgetDone(): void {
    if (this.#ranges.length > 0 && this.remaining().length === 0) this.#ranges = []
  }

  /** A new session: what has no answer is sent again. */
  rewind(): void {
    this.#retrying.clear()
    this.#startOver()
  }

  /** What was read ahead is read again. */
  #startOver(): void {
    for (const { seq, again } of this.#buffer) if (again === 'retry') this.#retrying.delete(seq)
    this.#buffer = []
    this.#generation += 1
    this.#at = 0
    this.#allRead = false
    if (this.#retriesAfter > 0) this.#hasRetries = true
    this.#retriesAfter = 0
  }
}
