import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '../../src/clock.ts'
import { type Logger, silentLogger } from '../../src/log.ts'
import type { NewRecord, StoredRecord } from '../../src/model.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import type { StartFacts } from '../../src/outbox/opening.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { Salvage } from '../../src/outbox/salvage.ts'
import type { Operation, Results, Storage } from '../../src/storage/operation.ts'
import { StorageThread } from '../../src/storage/storage.ts'

/** All threads started in this process, newest last, so that a test can kill one. */
export const threads: Worker[] = []

const workerThreads = createRequire(import.meta.url)('node:worker_threads')
workerThreads.Worker = class extends workerThreads.Worker {
  constructor(...words: unknown[]) {
    super(...words)
    threads.push(this as unknown as Worker)
  }
}
syncBuiltinESMExports()

/** A fresh directory that is removed after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-outbox-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface SiteOptions extends Partial<StartFacts> {
  readonly folder?: string
  readonly commitIntervalMs?: number
  readonly keepsDelivered?: boolean
  readonly clock?: Clock
  readonly log?: Logger
}

/** The storage thread as an agent sees it that may die at once: from then on it takes nothing, in no order of timers. */
class MortalStorage implements Storage {
  readonly #storage: Storage
  dead = false

  constructor(storage: Storage) {
    this.#storage = storage
  }

  transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>> {
    return this.dead ? Promise.reject(new Error('the agent is dead')) : this.#storage.transact(operations)
  }

  read<Result>(question: Operation<Result>): Promise<Result> {
    return this.#storage.read(question)
  }
}

/** Storage thread and outbox as the agent has them, on a real file. */
export class Site {
  readonly file: string
  readonly storage: StorageThread
  readonly outbox: Outbox
  readonly salvage: Salvage
  readonly clock: Clock
  readonly #mortal: MortalStorage
  #made = 0
  #closed = false

  private constructor(parts: {
    file: string
    storage: StorageThread
    mortal: MortalStorage
    outbox: Outbox
    salvage: Salvage
    clock: Clock
  }) {
    this.file = parts.file
    this.storage = parts.storage
    this.#mortal = parts.mortal
    this.outbox = parts.outbox
    this.salvage = parts.salvage
    this.clock = parts.clock
  }

  static async open(t: TestContext, options: SiteOptions = {}): Promise<Site> {
    const { clock = systemClock, log = silentLogger, commitIntervalMs = 60_000, keepsDelivered = false } = options
    const file = join(options.folder ?? temporaryFolder(t), 'tidegate.db')
    const storage = await StorageThread.open(file, { clock, log })
    const start: StartFacts = {
      gateway: 'gw',
      boot: 'boot-1',
      mono: clock.mono(),
      wall: clock.wall(),
      clockKnown: true,
      uplinks: [{ name: 'north', startAt: 'tail' }],
      ...options,
    }
    const mortal = new MortalStorage(storage)
    const outbox = await Outbox.open({ storage: mortal, clock, log, commitIntervalMs, keepsDelivered, start })
    const salvage = new Salvage(outbox, { storage: mortal, clock, log, freeBytes: () => storage.facts.freeBytes })
    await salvage.open()
    storage.onSetAside = () => salvage.begin()
    salvage.start()
    await outbox.begun
    const site = new Site({ file, storage, mortal, outbox, salvage, clock })
    t.after(() => site.abandon())
    return site
  }

  /** Records like no other, numbered from 1. */
  records(count: number, options: Partial<NewRecord> = {}): NewRecord[] {
    return Array.from({ length: count }, () => {
      this.#made += 1
      return { kind: 'data', source: 'meter', body: `"n":${this.#made}`, mono: this.clock.mono(), ...options }
    })
  }

  durable(count: number, options: Partial<NewRecord> = {}): Promise<void> {
    return this.outbox.append(this.records(count, options), { durable: true })
  }

  cursor(name = 'north'): Cursor {
    return this.outbox.cursor(name)
  }

  /** As the agent stops. */
  async close(): Promise<void> {
    this.#closed = true
    this.salvage.stop()
    await this.outbox.close()
    await this.storage.close()
  }

  /** As the agent dies: what was not committed never reaches the disk, and the epoch has no clean end. */
  async abandon(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#mortal.dead = true
    this.salvage.stop()
    // Only to stop its timers: the storage takes nothing more.
    await assert.rejects(this.outbox.close(), /the agent is dead/)
    await this.storage.close()
  }
}

/** Everything an uplink can get now. */
export async function readAll(cursor: Cursor): Promise<StoredRecord[]> {
  const all: StoredRecord[] = []
  for (;;) {
    const records = await cursor.next(1_000)
    if (records.length === 0) return all
    all.push(...records)
  }
}

/** The closed file, looked at from outside. */
export function look<T = number>(file: string, sql: string): T {
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare(sql).pluck().get() as T
  } finally {
    database.close()
  }
}

/** The P4 identity of an uplink in memory: what its books leave open is what it still has to get. */
export function assertBooks(site: Site, name: string, pending: number): void {
  const { account } = site.cursor(name)
  assert.equal(account.issued(site.outbox.head()) - account.settled, pending, `pending of ${name}`)
}
