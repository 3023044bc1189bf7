/**
 * The outbox.
 *
 * P1  Nothing is confirmed to anyone before it is durable here. Nothing is removed here before every uplink that wants it
 *     confirmed it.
 * P2  A power cut or kill at any instant loses at most the readings of the last `commit_interval` plus one sync, and
 *     nothing that was confirmed to somebody.
 *
 * A record gets its seq in memory and joins the tail. Uplinks that are caught up are fed from the tail; what all of them
 * acknowledge within `commit_interval` never touches the flash. The rest is committed in groups by age; every commit is a
 * snapshot: everything issued so far is then either a row or settled by every uplink that wants it, which is why the
 * highest number in the database is also the number through which nothing was lost.
 */
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { NewRecord, StoredRecord } from '../model.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import { Cursor, type CursorHost, PAGE_BYTES, PAGE_RECORDS } from './cursor.ts'
import type { LossReason } from './ledger.ts'
import { planStart, type Start, type StartFacts } from './opening.ts'
import {
  type CommitArgs,
  commitOperation,
  KINDS,
  loadQuestion,
  type Page,
  pageQuestion,
  type RejectedRow,
} from './operations.ts'
import { CommitSchedule } from './schedule.ts'
import { cursorRows, toColumns } from './snapshot.ts'
import { Stored } from './stored.ts'
import { Tail, type TailEntry } from './tail.ts'
import { TailLimit } from './tail-limit.ts'

/** Rejected records in memory while the disk fails; the oldest are forgotten beyond that, as in the table. */
const REJECTED_WAITING_MAX = 10_000
/** A stop waits so long for a disk that does not take the last records; a healthy sync takes a fraction of it. */
const CLOSE_MS_MAX = 10_000
/** Pause before a failed read of the table is tried again. */
const READ_RETRY_MS = 1_000

export interface OutboxOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Logger
  readonly commitIntervalMs: number
  readonly start: StartFacts
}

/** One record that is given up at a limit. */
export interface GivenUp {
  readonly seq: number
  readonly boot: number
  readonly mono: number
  readonly target: number
}

export class Outbox implements CursorHost {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #log: Logger
  readonly #start: Start
  readonly #tail: Tail
  readonly #tailLimit: TailLimit
  readonly #schedule: CommitSchedule
  /** Uplinks of the configuration. */
  readonly #cursors: readonly Cursor[]
  /** Uplinks that are not in the configuration and still have a claim to rows. */
  readonly #absent: readonly Cursor[]
  readonly #stored: Stored
  readonly #rejected: RejectedRow[] = []
  #closed = false
  /** The table cannot be read; what is in memory is still delivered. */
  readProblem: string | undefined
  /** Called after each commit. */
  onCommitted: (() => void) | undefined

  /** Loads what is needed to go on (constant in the backlog) and begins a new epoch, durably. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const loaded = await options.storage.read(loadQuestion())
    const start = planStart(loaded, options.start)
    const outbox = new Outbox(options, start, new Stored(loaded.firstRow, loaded.lastRow))
    await outbox.#begin()
    return outbox
  }

  private constructor(options: OutboxOptions, start: Start, stored: Stored) {
    this.#storage = options.storage
    this.#clock = options.clock
    this.#log = options.log
    this.#start = start
    this.#stored = stored
    this.#tail = new Tail(start.storedThrough + 1)
    const cursors = start.cursors.map((cursor) => {
      const { number, name, ranges, skipped, account, wantedThrough } = cursor
      const common = { number, name, ranges, skipped, account, wantedThrough }
      return new Cursor(this, { ...common, earlierThrough: start.storedThrough, mono: options.start.mono })
    })
    this.#cursors = cursors.filter((cursor) => cursor.wantedThrough === undefined)
    this.#absent = cursors.filter((cursor) => cursor.wantedThrough !== undefined)
    this.#tailLimit = new TailLimit(this.#tail, this.#cursors)
    this.#schedule = new CommitSchedule({
      clock: options.clock,
      intervalMs: options.commitIntervalMs,
      commit: () => this.#commit(),
      oldestWanted: () => this.#oldestWanted()?.appendedAt,
    })
  }

  /** The start transaction: the epoch, new and absent uplinks, and the first record, before anything is sent. */
  async #begin(): Promise<void> {
    const { epochs, cursors, storedThrough, firstRecord, forget } = this.#start
    this.#push(firstRecord)
    const snapshot = this.#snapshot({
      epoch: { ...epochs.running, clean: false, through: storedThrough },
      ...(forget ? { forget } : {}),
      newUplinks: cursors.filter((cursor) => cursor.isNew).map(({ number, name }) => ({ uplink: number, name })),
      absent: cursors
        .filter((cursor) => cursor.wantedThrough !== undefined || cursor.isBack)
        .map(({ number, wantedThrough }) => ({ uplink: number, wantedThrough: wantedThrough ?? null })),
    })
    await this.#storage.transact([snapshot])
    for (const record of this.#start.ledger.end(this.#clock.mono(), { ...this.#ledgerContext(), force: true })) {
      this.append([record])
    }
  }

  /** Tag of the running epoch, such as `17-3f9a2c1b`. */
  get epoch(): string {
    return this.#start.epochs.running.tag
  }

  get boots(): Start['boots'] {
    return this.#start.boots
  }

  /**
   * Takes records, in order; each has its seq when this returns. With `durable` the promise resolves after they are
   * synced to disk; without, they are durable after `commit_interval`.
   */
  append(records: readonly NewRecord[]): void
  append(records: readonly NewRecord[], options: { readonly durable: true }): Promise<void>
  append(records: readonly NewRecord[], options?: { readonly durable: true }): Promise<void> | undefined {
    for (const record of records) this.#push(record)
    this.#limitTail()
    this.#schedule.appended(this.#clock.mono())
    for (const cursor of this.#cursors) cursor.onAppend?.()
    return options?.durable ? this.#schedule.now() : undefined
  }

  /**
   * Twin of `append` for composition: takes one record and gives the operation that makes it durable, to be joined with
   * the caller's own in one `transact` (outcome and settlement in one commit). Must be given to `transact` at once. No
   * uplink sees the record before it is durable: the cloud must not hear "applied" of what a power cut takes back.
   */
  report(record: NewRecord): Operation<void> {
    this.#push(record, true)
    return this.#snapshot()
  }

  /** The feed of one configured uplink. */
  cursor(name: string): Cursor {
    const cursor = this.#cursors.find((candidate) => candidate.name === name)
    if (!cursor) throw new Error(`there is no uplink "${name}"`)
    return cursor
  }

  get cursors(): readonly Cursor[] {
    return this.#cursors
  }

  /** Age in ms of the oldest record this uplink has not settled, as far as it is in memory or on its way. */
  oldestPendingAgeMs(cursor: Cursor): number | undefined {
    const ts = cursor.oldestPendingTs()
    return ts === undefined ? undefined : Math.max(0, this.#start.boots.wallOf(this.currentBoot(), this.mono()) - ts)
  }

  /** Records in memory that are not known to be on disk. */
  get tailSize(): number {
    return this.#tail.size
  }

  /** Records written to disk by this process. */
  get writtenRecords(): number {
    return this.#stored.written
  }

  /**
   * Gives records up at a limit: counted for every uplink that still wanted them, entered in the loss ledger and removed,
   * in one transaction. Records in flight are left alone. Resolves with how many were removed.
   */
  async giveUp(records: readonly GivenUp[], reason: LossReason): Promise<number> {
    const all = [...this.#cursors, ...this.#absent]
    const removable = records.filter(
      ({ seq }) => !this.#stored.isGone(seq) && !all.some((cursor) => cursor.isOutstanding(seq)),
    )
    for (const record of removable) this.#bookLoss(record, reason)
    for (const cursor of this.#cursors) cursor.discardReadAhead()
    this.#stored.giveUp(removable.map((record) => record.seq))
    await this.#schedule.now()
    return removable.length
  }

  #bookLoss(record: GivenUp, reason: LossReason): void {
    for (const cursor of [...this.#cursors, ...this.#absent]) {
      if (!cursor.isPending(record.seq, record.target)) continue
      cursor.account.add(record.seq, 'dropped')
      this.#start.ledger.add(cursor.number, reason, record, this.#clock.mono())
    }
  }

  /** Turns loss episodes that are over into records. */
  endLossEpisodes(): void {
    const records = this.#start.ledger.end(this.#clock.mono(), this.#ledgerContext())
    // Durable at once: the row of the episode goes with the same commit, else a kill would report the loss twice.
    if (records.length > 0) void this.append(records, { durable: true })
  }

  /** What the clock said may not wait for the next record: without it, stored rows lose their time at a power cut. */
  storeBoot(): void {
    if (this.#start.boots.changed) this.#schedule.storedAck()
  }

  /** Stops in good order: everything that was read is on disk afterwards, and the epoch is marked as ended cleanly. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#schedule.stop()
    const saved = this.#storage.transact([this.#snapshot({ epoch: this.#epochRow(true) })])
    // A disk that takes nothing must not keep the gateway from stopping.
    const waited = new AbortController()
    const settled = Promise.race([saved, this.#clock.wait(CLOSE_MS_MAX, waited.signal)])
    await settled.finally(() => waited.abort())
  }

  // What the cursors need (CursorHost).

  tailFirst(): number {
    return this.#tail.first
  }

  head(): number {
    return this.#tail.head
  }

  tailEntry(seq: number): TailEntry | undefined {
    return this.#tail.get(seq)
  }

  storedThrough(): number {
    return this.#stored.last
  }

  currentBoot(): number {
    return this.#start.boots.current.boot
  }

  mono(): number {
    return this.#clock.mono()
  }

  describe(entry: { readonly seq: number; readonly boot: number; readonly mono: number }) {
    const { boots, epochs } = this.#start
    return {
      idPrefix: epochs.idPrefix(entry.seq),
      ts: boots.wallOf(entry.boot, entry.mono),
      clockKnown: boots.isKnown(entry.boot),
    }
  }

  async readPage(from: number, through: number, uplink: number, recordsMax = PAGE_RECORDS): Promise<Page> {
    for (;;) {
      try {
        const limits = { recordsMax, bytesMax: PAGE_BYTES }
        const page = await this.#storage.read(pageQuestion({ from, through, uplink, ...limits }))
        this.readProblem = undefined
        return page
      } catch (error) {
        const problem = messageOf(error)
        if (this.readProblem === undefined) this.#log.error('the backlog cannot be read, trying again', { problem })
        this.readProblem = problem
        await this.#clock.wait(READ_RETRY_MS)
      }
    }
  }

  settled(cursor: Cursor, seq: number): boolean {
    const entry = this.#tail.get(seq)
    if (entry && cursor.wants(entry.target)) {
      entry.wantedBy -= 1
      if (entry.wantedBy === 0) this.#tail.forgetSettled()
    }
    return entry?.committing === true || this.#stored.has(seq)
  }

  storedAcks(count: number): void {
    this.#schedule.storedAck(count)
  }

  isGone(seq: number): boolean {
    return this.#stored.isGone(seq)
  }

  rejected(cursor: Cursor, record: StoredRecord, reason: string): void {
    const { seq, source, body } = record
    if (this.#rejected.length >= REJECTED_WAITING_MAX) this.#rejected.shift()
    this.#rejected.push({ uplink: cursor.number, seq, reason, kind: KINDS.indexOf(record.kind), source, body })
    this.#schedule.storedAck()
  }

  #push(record: NewRecord, held = false): void {
    const only = record.to === undefined ? undefined : this.#cursors.find((cursor) => cursor.name === record.to)
    const target = record.to === undefined ? 0 : (only?.number ?? -1)
    const entry = this.#tail.push({
      kind: record.kind,
      source: record.source,
      body: record.body,
      mono: record.mono,
      target,
      appendedAt: this.#clock.mono(),
      wantedBy: record.to === undefined ? this.#cursors.length : only ? 1 : 0,
      held,
    })
    if (target === 0) return
    for (const cursor of this.#cursors) if (!cursor.wants(target)) cursor.account.add(entry.seq, 'notWanted')
  }

  /** The disk is slow, full or failing and memory is bounded. */
  #limitTail(): void {
    const boot = this.currentBoot()
    for (const { seq, mono, target } of this.#tailLimit.takeExcess()) {
      this.#bookLoss({ seq, boot, mono, target }, 'memory')
    }
  }

  #oldestWanted(): TailEntry | undefined {
    for (const entry of this.#tail) if (entry.wantedBy > 0 && !entry.committing) return entry
    return undefined
  }

  async #commit(): Promise<void> {
    await this.#storage.transact([this.#snapshot()])
  }

  /** Everything that changed since the last snapshot, as one operation. Operations are run in the order they were made. */
  #snapshot(meta: Pick<CommitArgs, 'epoch' | 'newUplinks' | 'absent' | 'forget'> = {}): Operation<void> {
    const entries = this.#tail.takeUnstored()
    const { boots, ledger } = this.#start
    const removal = this.#stored.takeRemovable(this.#cursors, this.#absent)
    const args: CommitArgs = {
      ...meta,
      ...cursorRows([...this.#cursors, ...this.#absent]),
      ...ledger.take(),
      ...(entries.length > 0 ? { rows: toColumns(entries, boots.current.boot) } : {}),
      ...(boots.changed ? { boot: { ...boots.current } } : {}),
      rejected: this.#rejected.splice(0),
      remove: removal.ranges,
    }
    boots.changed = false
    const head = this.#tail.head
    const last = entries.at(-1)?.seq ?? 0
    const rows = removal.given.length > 0 ? 0 : this.#stored.last
    const visible = Math.max(last, rows, ...this.#cursors.map((cursor) => cursor.ranges.last))
    // The newest number may show in no row and no cursor: nobody wanted it, or it was given up. It must not return either.
    const epoch = args.epoch ?? (visible < head ? this.#epochRow(false) : undefined)
    const complete = epoch ? { ...args, epoch: { ...epoch, through: Math.max(epoch.through, head) } } : args
    return commitOperation(complete, () => {
      this.#stored.removed(removal.given)
      this.#committed(head, entries)
    })
  }

  #committed(head: number, entries: readonly TailEntry[]): void {
    this.#stored.added(entries)
    this.#tail.forgetThrough(head)
    if (entries.some((entry) => entry.held)) for (const cursor of this.#cursors) cursor.onAppend?.()
    if (!this.#closed && this.#stored.hasRemovable(this.#cursors, this.#absent)) this.#schedule.storedAck()
    this.onCommitted?.()
  }

  #epochRow(clean: boolean): NonNullable<CommitArgs['epoch']> {
    return { ...this.#start.epochs.running, clean, through: this.#tail.head }
  }

  #ledgerContext() {
    return {
      wallOf: (boot: number, mono: number) => this.#start.boots.wallOf(boot, mono),
      nameOf: (uplink: number) => this.#cursors.find((cursor) => cursor.number === uplink)?.name,
    }
  }
}
