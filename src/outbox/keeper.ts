import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Storage } from '../storage/operation.ts'
import { DiskRoom, type DiskUse, type SizeLimit } from './disk-room.ts'
import { DropLog } from './drop-log.ts'
import { ExpirySweep } from './expiry-sweep.ts'
import { KeptRows } from './kept-rows.ts'
import { type OldestSlice, oldestSliceQuestion } from './limits.ts'
import { OthersShare } from './others-share.ts'
import type { Outbox } from './outbox.ts'
import { PAUSE_AT, PollingPause } from './polling-pause.ts'
import { countOverAge, countOverSize, DROP_ROWS_MAX, givenUp } from './retention.ts'

/** How often ages and the room on the disk are looked at. */
const CHECK_MS = 10_000
/** A stop waits so long for a disk that does not take what is being given up. */
const STOP_MS_MAX = 5_000
/** Given up at a limit beyond what has to be, so that not every commit brings another one for that. */
const SLACK_SHARE = 0.01
const SLACK_BYTES_MAX = 512 * 1024
/** Events and outcomes outlive readings within this part of the limit. */
const OTHERS_SHARE = 0.1

export interface KeeperOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Logger
  readonly maxAgeMs: number
  readonly maxSizeBytes: number
  readonly minFreeDiskBytes: number
  readonly whenFull: 'drop_oldest' | 'pause_polling'
  readonly keepDeliveredMs: number
  /** The different durations for which readings are wanted. */
  readonly expiriesMs: Iterable<number>
  /** What the database occupies now, and what the disk has left. */
  readonly diskUse: () => DiskUse
}

/**
 * Keeps the outbox within its limits. What it gives up is counted and entered in the loss ledger by the outbox.
 *
 * Space is made in this order: what is kept for replay (no loss), the oldest readings, events and outcomes. When those have
 * more than their share, the oldest of all go.
 */
export class Keeper {
  /** Present with when_full: pause_polling. */
  readonly pause: PollingPause | undefined
  readonly #outbox: Outbox
  readonly #options: KeeperOptions
  readonly #room: DiskRoom
  readonly #kept: KeptRows
  readonly #sweep: ExpirySweep
  readonly #others: OthersShare
  readonly #dropLog: DropLog
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  /** Below this there are no readings. */
  #readingsFrom = 1
  /** The first row when that was found. */
  #firstRow = 0
  #wasShort = false

  constructor(outbox: Outbox, options: KeeperOptions) {
    const { storage, keepDeliveredMs, expiriesMs, log } = options
    const ageMs = (boot: number, mono: number) => this.#ageMs(boot, mono)
    this.#outbox = outbox
    this.#options = options
    this.#room = new DiskRoom(options)
    this.#kept = new KeptRows(outbox, { storage, keepMs: keepDeliveredMs, ageMs })
    this.#sweep = new ExpirySweep(expiriesMs, {
      storage,
      ageMs,
      giveUp: (records) => outbox.giveUp(records, 'expires_after'),
    })
    this.#others = new OthersShare(storage)
    this.#dropLog = new DropLog(log)
    this.pause = options.whenFull === 'pause_polling' ? new PollingPause(outbox, options) : undefined
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A check may wait for a disk that takes nothing; what is lost meanwhile is told all the same.
      this.#tell()
      void this.check()
    }, CHECK_MS)
    this.#outbox.onCommitted = () => {
      if (this.#isOverSize()) void this.check()
    }
    void this.check()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#outbox.onCommitted = undefined
    const waited = new AbortController()
    await Promise.race([this.#running, this.#options.clock.wait(STOP_MS_MAX, waited.signal)])
    waited.abort()
  }

  /** How large the database may be now, and why. */
  limit(): SizeLimit {
    return this.#room.limit(this.#options.diskUse())
  }

  /** The disk has less free than it must: the database does not grow. */
  get isDiskShort(): boolean {
    return this.#room.isShort
  }

  /** Applies the limits until they hold; never runs twice at a time. */
  check(): Promise<void> {
    this.#running ??= this.#apply().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #apply(): Promise<void> {
    try {
      await this.#dropOverAge()
      await this.#sweep.run()
      await this.#kept.releaseOld()
      await this.#keepSize()
      this.#tell()
      this.#outbox.endLossEpisodes()
      this.#outbox.storeBoot()
    } catch (error) {
      // Reading the table failed; the next check tries again. Nothing was given up.
      this.#options.log.warn('cannot apply the limits of the outbox, trying again later', { problem: String(error) })
    }
  }

  async #dropOverAge(): Promise<void> {
    for (let from = 1; ; ) {
      const slice = await this.#oldest(from, 'all')
      const count = countOverAge(slice, this.#options.maxAgeMs, (boot, mono) => this.#ageMs(boot, mono))
      if (count === 0) return
      await this.#outbox.giveUp(givenUp(slice, count), 'max_age')
      if (count < slice.seqs.length || slice.next === undefined) return
      from = slice.next
    }
  }

  async #keepSize(): Promise<void> {
    const excess = (share: number) => {
      const goal = this.limit().bytes * share
      return this.#used() - (goal - Math.min(goal * SLACK_SHARE, SLACK_BYTES_MAX))
    }
    if (this.#isOverSize()) await this.#kept.makeRoom(() => excess(this.pause ? PAUSE_AT : 1))
    this.pause?.update(this.#used(), this.limit())
    if (this.#used() > this.limit().bytes) await this.#dropOverSize(() => excess(1))
  }

  /** Readings first; events and outcomes when no readings are left, or when they have more than their share. */
  async #dropOverSize(excess: () => number): Promise<void> {
    const { bytes: limit, reason } = this.limit()
    const others = await this.#others.bytes(this.#options.clock.mono())
    const ofAll = others > limit * OTHERS_SHARE
    if (ofAll) this.#others.changed()
    this.#lookBack()
    for (const rows of ofAll ? (['all'] as const) : (['data', 'all'] as const)) {
      for (let from = rows === 'data' ? this.#readingsFrom : 1; ; ) {
        if (excess() <= 0) return
        const slice = await this.#oldest(from, rows)
        const count = countOverSize(slice, excess())
        if (count > 0) await this.#outbox.giveUp(givenUp(slice, count), reason)
        const next = count < slice.seqs.length ? slice.seqs[count] : slice.next
        if (rows === 'data') this.#readingsFrom = next ?? 1
        if (next === undefined) break
        from = next
      }
    }
  }

  /** Salvaged rows come back below what was looked at. */
  #lookBack(): void {
    const { first } = this.#outbox.storedRange
    if (first < this.#firstRow) this.#readingsFrom = 1
    this.#firstRow = first
  }

  /** Says in the log what the limits do. */
  #tell(): void {
    this.#dropLog.check(this.#outbox.losses.open(), this.#options.clock.mono())
    const { bytes } = this.limit()
    const { isShort } = this.#room
    if (isShort === this.#wasShort) return
    this.#wasShort = isShort
    const { log, diskUse } = this.#options
    if (isShort) {
      const facts = { free: diskUse().freeBytes, limit: bytes }
      log.warn('the disk has less free than min_free_disk, the outbox does not grow', facts)
    } else log.info('the disk has room again, the outbox may grow')
  }

  #isOverSize(): boolean {
    const limit = this.limit()
    const used = this.#used()
    return used > limit.bytes || this.pause?.isDue(used, limit) === true
  }

  #used(): number {
    return this.#options.diskUse().usedBytes
  }

  #ageMs(boot: number, mono: number): number {
    return this.#outbox.boots.ageMs(boot, mono, this.#options.clock.mono())
  }

  #oldest(from: number, rows: 'data' | 'all'): Promise<OldestSlice> {
    return this.#options.storage.read(oldestSliceQuestion({ from, recordsMax: DROP_ROWS_MAX, rows }))
  }
}
