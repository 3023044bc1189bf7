import type { Storage } from '../storage/operation.ts'
import { othersQuestion } from './limits.ts'
import { ROW_BYTES } from './retention.ts'

/** Rows summed up in one call: a millisecond or two, for they are read from an index. */
const ROWS_MAX = 10_000
/** What was counted holds for so long; what is given up meanwhile is taken off. */
const COUNTED_FOR_MS = 60_000

/** How much room events and outcomes take, of which they have a share of their own. */
export class OthersShare {
  readonly #storage: Storage
  #bytes = 0
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Bytes of all events and outcomes; `now` is CLOCK_MONOTONIC in ms. */
  async bytes(now: number): Promise<number> {
    if (now - this.#countedAt >= COUNTED_FOR_MS) {
      this.#bytes = await this.#count()
      this.#countedAt = now
    }
    return this.#bytes
  }

  /** Rows of any kind were given up: the next answer is counted anew. */
  changed(): void {
    this.#countedAt = Number.NEGATIVE_INFINITY
  }

  async #count(): Promise<number> {
    let sum = 0
    for (let after: number | undefined = 0; after !== undefined; ) {
      const others: { count: number; bytes: number; last?: number } = await this.#storage.read(
        othersQuestion({ after, recordsMax: ROWS_MAX }),
      )
      sum += others.bytes + others.count * ROW_BYTES
      after = others.last
    }
    return sum
  }
}
