import type { TestContext } from 'node:test'
import type Database from 'better-sqlite3'
import { type Logger, silentLogger } from '../../src/log.ts'
import type { NewRecord, StoredRecord } from '../../src/model.ts'
import type { DiskUse } from '../../src/outbox/disk-room.ts'
import { Keeper, type KeeperOptions } from '../../src/outbox/keeper.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { SteppedClock } from './outbox-clock.ts'
import { HeldStorage, newOutboxDisk } from './outbox-storage.ts'

export const MIB = 1024 * 1024
export const HOUR = 3_600_000

/** What the log of an agent adds to the pages in use. */
const LOG_BYTES = 4 * MIB

export interface LimitSiteOptions {
  readonly disk?: Database.Database
  readonly clock?: SteppedClock
  readonly uplinks?: readonly UplinkIdentity[]
  readonly keepsDelivered?: boolean
}

/** Limits that nothing reaches; a test sets the one it is about. */
const FAR: Omit<KeeperOptions, 'storage' | 'clock' | 'log' | 'diskUse'> = {
  maxAgeMs: 1e15,
  maxSizeBytes: 1e15,
  minFreeDiskBytes: 0,
  whenFull: 'drop_oldest',
  keepDeliveredMs: 0,
  expiriesMs: [],
}

/** An outbox on a database in memory, whose pages are counted as those of a file are. */
export class LimitSite {
  readonly disk: Database.Database
  readonly storage: HeldStorage
  readonly clock: SteppedClock
  readonly outbox: Outbox
  readonly lines: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = []
  /** What the disk has free; undefined: not known. */
  freeBytes: number | undefined
  #made = 0

  private constructor(disk: Database.Database, clock: SteppedClock, parts: { storage: HeldStorage; outbox: Outbox }) {
    this.disk = disk
    this.clock = clock
    this.storage = parts.storage
    this.outbox = parts.outbox
  }

  static async open(t: TestContext, options: LimitSiteOptions = {}): Promise<LimitSite> {
    const { disk = newOutboxDisk(), clock = new SteppedClock(), keepsDelivered = false } = options
    const storage = new HeldStorage(disk)
    const outbox = await Outbox.open({
      storage,
      clock,
      log: silentLogger,
      commitIntervalMs: 60_000,
      keepsDelivered,
      start: {
        gateway: 'gw',
        boot: 'boot-1',
        mono: clock.mono(),
        wall: clock.wall(),
        clockKnown: true,
        uplinks: options.uplinks ?? [{ name: 'north', startAt: 'tail' }],
      },
    })
    t.after(() => outbox.close())
    return new LimitSite(disk, clock, { storage, outbox })
  }

  /** A keeper with these limits, which checks when the test says so. */
  keeper(limits: Partial<KeeperOptions>): Keeper {
    const note = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      this.lines.push({ message, fields })
    const log: Logger = { ...silentLogger, info: note, warn: note, error: note }
    const { storage, clock } = this
    return new Keeper(this.outbox, { ...FAR, storage, clock, log, diskUse: () => this.diskUse(), ...limits })
  }

  diskUse(): DiskUse {
    const pragma = (name: string) => Number(this.disk.pragma(name, { simple: true }))
    const fileBytes = pragma('page_count') * 4096
    const usedBytes = fileBytes - pragma('freelist_count') * 4096 + LOG_BYTES
    return { usedBytes, fileBytes, ...(this.freeBytes === undefined ? {} : { freeBytes: this.freeBytes }) }
  }

  records(count: number, options: Partial<NewRecord> = {}): NewRecord[] {
    return Array.from({ length: count }, () => {
      this.#made += 1
      return { kind: 'data', source: 'meter', body: `"n":${this.#made}`, mono: this.clock.mono(), ...options }
    })
  }

  durable(count: number, options: Partial<NewRecord> = {}): Promise<void> {
    return this.outbox.append(this.records(count, options), { durable: true })
  }

  /** Records of about `kib` KiB in all, 1 KiB each. */
  async fill(kib: number, options: Partial<NewRecord> = {}): Promise<void> {
    for (let left = kib; left > 0; left -= 1_000) {
      await this.durable(Math.min(left, 1_000), { body: `"x":"${'x'.repeat(960)}"`, ...options })
    }
  }

  /** The uplink gets and confirms all it can get now. */
  async deliverAll(name = 'north'): Promise<StoredRecord[]> {
    const all = await this.readAll(name)
    this.outbox.cursor(name).delivered(all)
    await this.outbox.append([], { durable: true })
    return all
  }

  async readAll(name = 'north'): Promise<StoredRecord[]> {
    const all: StoredRecord[] = []
    for (;;) {
      const records = await this.outbox.cursor(name).next(1_000)
      if (records.length === 0) return all
      all.push(...records)
    }
  }

  pending(name = 'north'): number {
    const { account } = this.outbox.cursor(name)
    return account.issued(this.outbox.head()) - account.settled
  }

  dropped(name = 'north'): number {
    return this.outbox.cursor(name).account.totals().dropped
  }

  /** Numbers of the stored rows for which `where` holds. */
  rows(where = 'true'): number[] {
    return this.disk.prepare(`SELECT seq FROM record WHERE ${where} ORDER BY seq`).pluck().all() as number[]
  }

  count(where = 'true'): number {
    return this.disk.prepare(`SELECT count(*) FROM record WHERE ${where}`).pluck().get() as number
  }

  /** What the loss ledger has open, as reason and count. */
  losses(): [reason: string, count: number][] {
    return this.outbox.losses.open().map(({ reason, count }) => [reason, count])
  }
}
