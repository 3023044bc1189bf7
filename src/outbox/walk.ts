import type { Clock } from '../clock.ts'
import type { Storage } from '../storage/operation.ts'
import { walkQuestion } from './salvage-operations.ts'

/** A call looks at rows for so long, and pauses for ten times as long, so that it takes a tenth of the thread at most. */
const SLICE_MS = 20
const PAUSE_MS = 200
/** After the start other things come first. */
const FIRST_MS = 60_000
/** The card is read once a day. */
const EVERY_MS = 24 * 3_600_000
const RETRY_MS = 60_000

export interface WalkOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly firstMs?: number
}

/**
 * Reads every stored row once a day, behind everything else, so that damage in the middle of the backlog is found while
 * most can still be saved, and not when the rows are needed. A damaged page shows as the failure of a read, which sets the
 * database aside (P11).
 */
export class IntegrityWalk {
  readonly #options: WalkOptions
  readonly #stopping = new AbortController()

  constructor(options: WalkOptions) {
    this.#options = options
  }

  start(): void {
    void this.#repeat()
  }

  /** A disk that does not answer is not waited for. */
  stop(): void {
    this.#stopping.abort()
  }

  async #repeat(): Promise<void> {
    await this.#wait(this.#options.firstMs ?? FIRST_MS)
    while (!this.#stopping.signal.aborted) {
      const isDone = await this.#walk()
      await this.#wait(isDone ? EVERY_MS : RETRY_MS)
    }
  }

  /** True when it came to the end. */
  async #walk(): Promise<boolean> {
    try {
      for (let after = 0; !this.#stopping.signal.aborted; ) {
        const next = await this.#options.storage.read(walkQuestion({ after, sliceMs: SLICE_MS }))
        if (next === undefined) return true
        after = next
        await this.#wait(PAUSE_MS)
      }
      return true
    } catch {
      // Whatever it is, the storage has noticed it, too. Damage is set aside by now, and the next walk sees a new file.
      return false
    }
  }

  #wait(ms: number): Promise<void> {
    return this.#options.clock.wait(ms, this.#stopping.signal)
  }
}
