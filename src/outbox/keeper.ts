import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Storage } from '../storage/operation.ts'
import { type OldestRows, oldestQuestion } from './operations.ts'
import type { GivenUp, Outbox } from './outbox.ts'
import { countOverAge, countOverSize, DROP_ROWS_MAX } from './retention.ts'

/** How often ages are looked at. */
const CHECK_MS = 10_000
/** A stop waits so long for a disk that does not take what is being given up. */
const STOP_MS_MAX = 5_000

export interface KeeperOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Logger
  readonly maxAgeMs: number
  readonly maxSizeBytes: number
  /** Bytes the database uses now (pages in use and the bound of its log). */
  readonly usedBytes: () => number
}

/** Keeps the outbox within its limits. What it gives up is counted and entered in the loss ledger by the outbox. */
export class Keeper {
  readonly #outbox: Outbox
  readonly #options: KeeperOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(outbox: Outbox, options: KeeperOptions) {
    this.#outbox = outbox
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => void this.check(), CHECK_MS)
    this.#outbox.onCommitted = () => {
      if (this.#options.usedBytes() > this.#options.maxSizeBytes) void this.check()
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#outbox.onCommitted = undefined
    const waited = new AbortController()
    await Promise.race([this.#running, this.#options.clock.wait(STOP_MS_MAX, waited.signal)])
    waited.abort()
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
      await this.#dropOverSize()
      this.#outbox.endLossEpisodes()
      this.#outbox.storeBoot()
    } catch (error) {
      // Reading the table failed; the next check tries again. Nothing was given up.
      this.#options.log.warn('cannot apply the limits of the outbox, trying again later', { problem: String(error) })
    }
  }

  async #dropOverAge(): Promise<void> {
    const { clock, maxAgeMs } = this.#options
    const { boots } = this.#outbox
    for (let after = 0; ; ) {
      const rows = await this.#oldest(after, 'all')
      const now = clock.mono()
      const count = countOverAge(rows, maxAgeMs, (boot, mono) => boots.ageMs(boot, mono, now))
      if (count === 0) return
      await this.#outbox.giveUp(firstOf(rows, count), 'max_age')
      after = rows.seqs[count - 1] ?? after
    }
  }

  /** Readings first; events and outcomes only when no readings are left. */
  async #dropOverSize(): Promise<void> {
    for (const kinds of ['data', 'all'] as const) {
      for (let after = 0; ; ) {
        const excess = this.#options.usedBytes() - this.#options.maxSizeBytes
        if (excess <= 0) return
        const rows = await this.#oldest(after, kinds)
        const count = countOverSize(rows, excess)
        if (count === 0) break
        await this.#outbox.giveUp(firstOf(rows, count), 'max_size')
        after = rows.seqs[count - 1] ?? after
      }
    }
  }

  #oldest(after: number, kinds: 'data' | 'all'): Promise<OldestRows> {
    return this.#options.storage.read(oldestQuestion({ after, recordsMax: DROP_ROWS_MAX, kinds }))
  }
}

function firstOf(rows: OldestRows, count: number): GivenUp[] {
  return Array.from({ length: count }, (_, index) => ({
    seq: rows.seqs[index] ?? 0,
    boot: rows.boots[index] ?? 0,
    mono: rows.monos[index] ?? 0,
    target: rows.targets[index] ?? 0,
  }))
}
