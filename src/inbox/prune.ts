/** Forgets finished commands, so that the history stays within its bounds however many come. */
import type { Clock } from '../clock.ts'
import type { Storage } from '../storage/operation.ts'
import type { Now } from './expiry.ts'
import { PRUNE_FROM_NEWEST, pruneOperation } from './operations.ts'

/** Commands that nothing was written for, kept at most over all keys: about 15 MB of flash. */
const HISTORY_ROWS_MAX = 50_000
/** All other commands of one key: one a minute for a week. An id that is forgotten would be done again. */
const DONE_ROWS_MAX = 10_000
/** Commands that end before the bounds are looked at again, however soon that is. */
const UNCHECKED_ROWS_MAX = 4_000
const PRUNE_EVERY_MS = 3_600_000
/** Rows one job removes. */
const SLICE = 500

export interface PrunerOptions {
  readonly storage: Pick<Storage, 'transact'>
  readonly clock: Clock
  readonly now: () => Now
  readonly keepMs: number
}

export class Pruner {
  readonly #options: PrunerOptions
  #unchecked = 0
  #nap = new AbortController()

  constructor(options: PrunerOptions) {
    this.#options = options
  }

  /** So many commands have ended. */
  ended(commands: number): void {
    this.#unchecked += commands
    if (this.#unchecked >= UNCHECKED_ROWS_MAX) this.#nap.abort()
  }

  /** Looks at once, then now and then, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#unchecked = 0
      this.#nap = new AbortController()
      await this.#walk(signal)
      await this.#options.clock.wait(PRUNE_EVERY_MS, AbortSignal.any([signal, this.#nap.signal]))
    }
  }

  async #walk(signal: AbortSignal): Promise<void> {
    const { storage, now, keepMs } = this.#options
    const limits = { keepMs, keepRows: HISTORY_ROWS_MAX, keepDone: DONE_ROWS_MAX, slice: SLICE }
    for (let from = PRUNE_FROM_NEWEST; !signal.aborted; ) {
      const [next] = await storage.transact([pruneOperation(now(), limits, from)])
      if (next === null) return
      from = next
    }
  }
}
