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
import type { Logger } from '../log.ts'
import type { NewRecord } from '../model.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import { Cursor } from './cursor.ts'
import type { GivenUp } from './given-up.ts'
import type { LossReason } from './ledger.ts'
import { Losses } from './losses.ts'
import { formerNotes, planStart, type Start, type StartFacts, startSeqs } from './opening.ts'
import { loadQuestion } from './operations.ts'
import { Operator } from './operator.ts'
import { Reader } from './reader.ts'
import { Routing } from './routing.ts'
import { CommitSchedule } from './schedule.ts'
import { type SnapshotMeta, Snapshots } from './snapshot.ts'
import { Stored } from './stored.ts'
import { Supply } from './supply.ts'
import { Tail, type TailEntry } from './tail.ts'
import { TailLimit } from './tail-limit.ts'

/** A stop waits so long for a disk that does not take the last records; a healthy sync takes a fraction of it. */
const CLOSE_MS_MAX = 10_000
/**
 * The cloud should not hear of an epoch that may be forgotten, so nothing is handed out before the start is on disk. A
 * disk that takes longer than this is failing, and the readings go out all the same.
 */
const BEGIN_MS_MAX = 5_000

export interface OutboxOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Logger
  readonly commitIntervalMs: number
  /** Rows that every uplink has are kept for replay until `releaseKept` lets them go. */
  readonly keepsDelivered?: boolean
  readonly start: StartFacts
  /** With order: live_first, how many records wait in the live lane at most. */
  readonly liveRecordsMax?: number
  /** What others store in the start transaction, by how the run before ended. */
  readonly withStart?: (follows: Start['follows']) => readonly Operation[]
}

export class Outbox {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #start: Start
  readonly #tail: Tail
  readonly #tailLimit: TailLimit
  readonly #schedule: CommitSchedule
  readonly #snapshots: Snapshots
  readonly #reader: Reader
  readonly #keepsDelivered: boolean
  /** What the uplinks take from. */
  readonly supply = new Supply()
  readonly losses: Losses
  /** What an operator may do by hand. */
  readonly operator: Operator
  /** Uplinks of the configuration. */
  readonly #cursors: readonly Cursor[]
  /** Uplinks that are not in the configuration and still have a claim to rows. */
  readonly #absent: Cursor[]
  readonly #routing: Routing
  readonly #stored: Stored
  /** Resolves when records are handed out: the start is on disk, or the disk failed for some seconds. */
  readonly begun: Promise<void>
  #closed = false
  /** Called after each commit. */
  onCommitted: (() => void) | undefined

  /**
   * Loads what is needed to go on (constant in the backlog) and begins a new epoch. Does not wait for the disk to take it:
   * a gateway that starts on a full or read-only disk reads its devices all the same.
   */
  static async open(options: OutboxOptions): Promise<Outbox> {
    // Damage that shows here is set aside at once: the second try meets the new database.
    const loaded = await options.storage.read(loadQuestion()).catch(() => options.storage.read(loadQuestion()))
    const uplinks = await startSeqs(loaded, options.start, options.storage)
    for (const note of formerNotes(loaded, options.start)) options.log.warn(note)
    const start = planStart(loaded, { ...options.start, uplinks })
    const outbox = new Outbox(options, start, new Stored(loaded.firstRow, loaded.lastRow, options.keepsDelivered))
    return outbox
  }

  private constructor(options: OutboxOptions, start: Start, stored: Stored) {
    this.#storage = options.storage
    this.#clock = options.clock
    this.#keepsDelivered = options.keepsDelivered ?? false
    this.#start = start
    this.#stored = stored
    this.#reader = new Reader(options)
    this.#tail = new Tail(start.storedThrough + 1)
    const { audiences, storedThrough: earlierThrough } = start
    const common = { audiences, earlierThrough, mono: options.start.mono, liveRecordsMax: options.liveRecordsMax }
    const cursors = start.cursors.map((cursor) => new Cursor(this.supply, { ...cursor, ...common }))
    this.#cursors = cursors.filter((cursor) => cursor.wantedThrough === undefined)
    this.#absent = cursors.filter((cursor) => cursor.wantedThrough !== undefined)
    this.#routing = new Routing(this.#cursors, audiences, (stamp) =>
      start.boots.wallOf(start.boots.current.boot, stamp),
    )
    this.#tailLimit = new TailLimit(this.#tail, this.#cursors)
    this.losses = new Losses(start.ledger, () => [...this.#cursors, ...this.#absent], {
      mono: () => this.#clock.mono(),
      wallOf: (boot, stamp) => start.boots.wallOf(boot, stamp),
      nameOf: (uplink) => this.#cursors.find((cursor) => cursor.number === uplink)?.name,
    })
    const parts = { start, tail: this.#tail, stored, cursors: this.#cursors, absent: this.#absent }
    this.#snapshots = new Snapshots(parts, (head, entries) => this.#committed(head, entries))
    this.#schedule = new CommitSchedule({
      clock: options.clock,
      intervalMs: options.commitIntervalMs,
      commit: () => this.commitWith({}),
      oldestWanted: () => this.#oldestWanted()?.appendedAt,
    })
    this.operator = new Operator(this, { storage: options.storage, absent: this.#absent, losses: this.losses })
    const { clock } = options
    const expire = (record: GivenUp) => this.#expire(record)
    this.supply.connect({
      clock,
      ...parts,
      reader: this.#reader,
      schedule: this.#schedule,
      snapshots: this.#snapshots,
      expire,
    })
    this.begun = this.#begin(options.withStart?.(start.follows) ?? [])
  }

  /** The start transaction: the epoch, new and absent uplinks, and the first record, before anything is sent. */
  async #begin(others: readonly Operation[]): Promise<void> {
    const { epochs, cursors, storedThrough, firstRecord, forget } = this.#start
    this.#push(firstRecord)
    const snapshot = this.#snapshots.take({
      epoch: { ...epochs.running, clean: false, through: storedThrough },
      ...(forget ? { forget } : {}),
      forgetAudiences: this.#start.forgetsAudiences,
      newUplinks: cursors
        .filter((cursor) => cursor.isNew)
        .map(({ number, name, past }) => ({ uplink: number, name, ...(past ? { past } : {}) })),
      renamed: cursors.filter((cursor) => cursor.isRenamed).map(({ number, name }) => ({ uplink: number, name })),
      absent: cursors
        .filter((cursor) => cursor.wantedThrough !== undefined || cursor.isBack)
        .map(({ number, wantedThrough }) => ({ uplink: number, wantedThrough: wantedThrough ?? null })),
    })
    const begun = this.#storage.transact([snapshot, ...others])
    for (const record of this.losses.ended({ force: true })) this.append([record])
    const waited = new AbortController()
    await Promise.race([begun, this.#clock.wait(BEGIN_MS_MAX, waited.signal)]).finally(() => waited.abort())
    this.supply.isOpen = true
    for (const cursor of this.#cursors) cursor.onAppend?.()
  }

  /** Tag of the running epoch, such as `17-3f9a2c1b`. */
  get epoch(): string {
    return this.#start.epochs.running.tag
  }

  /** How the run before ended; nothing: there was none. */
  get follows(): Start['follows'] {
    return this.#start.follows
  }

  get epochs(): Start['epochs'] {
    return this.#start.epochs
  }

  get boots(): Start['boots'] {
    return this.#start.boots
  }

  get audiences(): Start['audiences'] {
    return this.#start.audiences
  }

  /** The table cannot be read; what is in memory is still delivered. */
  get readProblem(): string | undefined {
    return this.#reader.problem
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
    return this.#snapshots.take()
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

  /** Uplinks that are not in the configuration any more and keep their rows until they are forgotten by hand. */
  get absent(): readonly Cursor[] {
    return this.#absent
  }

  /** Age in ms of the oldest record this uplink has not settled, as far as it is in memory or on its way. */
  oldestPendingAgeMs(cursor: Cursor): number | undefined {
    const ts = cursor.oldestPendingTs()
    const { boots } = this.#start
    return ts === undefined ? undefined : Math.max(0, boots.wallOf(boots.current.boot, this.#clock.mono()) - ts)
  }

  /** The newest number issued. */
  head(): number {
    return this.#tail.head
  }

  /** Records in memory that are not known to be on disk. */
  get tailSize(): number {
    return this.#tail.size
  }

  /** Records written to disk by this process. */
  get writtenRecords(): number {
    return this.#stored.written
  }

  /** Lowest and highest seq that may have a row; nothing is stored when the first is 0. */
  get storedRange(): { readonly first: number; readonly last: number } {
    return { first: this.#stored.first, last: this.#stored.last }
  }

  /**
   * Gives records up at a limit: counted for every uplink that still wanted them, entered in the loss ledger and removed,
   * in one transaction. Records in flight are left alone. Resolves with how many were removed.
   */
  async giveUp(records: readonly GivenUp[], reason: LossReason): Promise<number> {
    // Whoever gives up rows to make room must see the room, or it would give up all of them.
    if (this.#stored.isHeld) await this.#stored.released()
    const removable = records.filter((record) => this.#isFree(record.seq))
    for (const record of removable) this.#discard(record, reason)
    for (const cursor of this.#cursors) cursor.discardReadAhead()
    await this.#schedule.now()
    return removable.length
  }

  /** A record has grown too old for everybody; false when it is being sent just now. */
  #expire(record: GivenUp): boolean {
    if (!this.#isFree(record.seq)) return false
    for (const cursor of this.#cursors) if (cursor.hasReadAhead(record.seq)) cursor.discardReadAhead()
    this.#discard(record, 'expires_after')
    this.#schedule.storedAck()
    return true
  }

  #isFree(seq: number): boolean {
    return !this.#stored.isGone(seq) && ![...this.#cursors, ...this.#absent].some((cursor) => cursor.isOutstanding(seq))
  }

  #discard(record: GivenUp, reason: LossReason): void {
    this.losses.book(record, reason)
    for (const cursor of this.#cursors) cursor.givenUp(record.seq)
    const entry = this.#tail.get(record.seq)
    if (!entry || entry.committing) this.#stored.giveUp([record.seq])
    if (entry) this.#tail.abandon(entry)
  }

  /** Rows through `seq` that every uplink has need not be kept for replay any longer. */
  releaseKept(seq: number): void {
    this.#stored.releaseKept(seq)
    if (this.#stored.hasRemovable(this.#cursors, this.#absent)) this.#schedule.storedAck()
  }

  /** Turns loss episodes that are over into records. */
  endLossEpisodes(): void {
    const records = this.losses.ended()
    // Durable at once: the row of the episode goes with the same commit, else a kill would report the loss twice.
    if (records.length > 0) void this.append(records, { durable: true })
  }

  /** What the clock said may not wait for the next record: without it, stored rows lose their time at a power cut. */
  storeBoot(): void {
    if (this.#start.boots.changed) this.#schedule.storedAck()
  }

  /** Stores all that changed, and `meta`, as soon as the commit under way is synced. */
  async commitWith(meta: SnapshotMeta): Promise<void> {
    await this.#storage.transact([this.#snapshots.take(meta)])
  }

  /** The same together with one more operation, all or nothing; gives what that one answers. */
  async commitWithOperation<Result>(operation: Operation<Result>): Promise<Result> {
    const [, result] = await this.#storage.transact([this.#snapshots.take(), operation])
    return result as Result
  }

  /** No row is removed until the function that is given back is called: for those who count rows. */
  holdRows(): () => void {
    return this.#stored.hold()
  }

  /** What is given up at this moment, whose rows may still be there. */
  goneNow(): (seq: number) => boolean {
    const gone = new Set(this.#stored.gone)
    return (seq) => gone.has(seq)
  }

  /** Uplinks that are behind wait until rows that are being brought back are in the table. */
  holdReads(until: Promise<void>): void {
    this.#reader.waitFor(until)
  }

  /** Stops in good order: everything that was read is on disk afterwards, and the epoch is marked as ended cleanly. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#schedule.stop()
    const saved = this.commitWith({ epoch: this.#snapshots.epochRow(true) })
    // A disk that takes nothing must not keep the gateway from stopping.
    const waited = new AbortController()
    const settled = Promise.race([saved, this.#clock.wait(CLOSE_MS_MAX, waited.signal)])
    await settled.finally(() => waited.abort())
  }

  #push(record: NewRecord, held = false): void {
    const target = this.#routing.targetOf(record)
    const uplinks = this.#cursors.reduce((count, cursor) => (cursor.wants(target) ? count + 1 : count), 0)
    const entry = this.#tail.push({
      kind: record.kind,
      source: record.source,
      body: record.body,
      mono: record.mono,
      target,
      expires: record.expiresAfterMs ?? 0,
      appendedAt: this.#clock.mono(),
      // What is kept for replay is stored whatever the uplinks say: the table wants it, too.
      wantedBy: uplinks + (this.#keepsDelivered ? 1 : 0),
      held,
      reply: record.reply,
    })
    for (const cursor of this.#cursors) {
      if (cursor.wants(target)) cursor.appended(entry)
      else cursor.account.add(entry.seq, 'notWanted')
    }
  }

  /** The disk is slow, full or failing and memory is bounded. */
  #limitTail(): void {
    const { boot } = this.#start.boots.current
    const excess = this.#tailLimit.takeExcess()
    for (const { seq, mono, target, committing } of excess) {
      this.losses.book({ seq, boot, mono, target }, 'memory')
      for (const cursor of this.#cursors) cursor.givenUp(seq)
      if (committing) this.#stored.giveUp([seq])
    }
    if (excess.some(({ committing }) => committing)) this.#snapshots.leaveOutGivenUp()
  }

  #oldestWanted(): TailEntry | undefined {
    for (const entry of this.#tail) if (entry.wantedBy > 0 && !entry.committing) return entry
    return undefined
  }

  #committed(head: number, entries: readonly TailEntry[]): void {
    this.#stored.added(entries)
    this.#tail.forgetThrough(head)
    if (entries.some((entry) => entry.held)) for (const cursor of this.#cursors) cursor.onAppend?.()
    if (!this.#closed && this.#stored.hasRemovable(this.#cursors, this.#absent)) this.#schedule.storedAck()
    this.onCommitted?.()
  }
}
