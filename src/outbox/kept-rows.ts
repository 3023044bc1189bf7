import type { Storage } from '../storage/operation.ts'
import { type OldestSlice, oldestSliceQuestion } from './limits.ts'
import type { Outbox } from './outbox.ts'
import { countOverAge, countOverSize, DROP_ROWS_MAX } from './retention.ts'

/** Slices looked at in one run: what is left is looked at in the next, some seconds later. */
const SLICES_MAX = 50

interface KeptOptions {
  readonly storage: Storage
  /** 0: nothing is kept. */
  readonly keepMs: number
  readonly ageMs: (boot: number, mono: number) => number
}

/** Rows that every uplink has and that are kept to be sent again. Letting them go is no loss: nothing is booked. */
export class KeptRows {
  readonly #outbox: Outbox
  readonly #options: KeptOptions
  /** What is below need not be kept any longer. */
  #from = 1

  constructor(outbox: Outbox, options: KeptOptions) {
    this.#outbox = outbox
    this.#options = options
  }

  /** Lets go what was kept long enough. */
  async releaseOld(): Promise<void> {
    const { keepMs, ageMs } = this.#options
    if (keepMs === 0) return
    for (let slices = 0; slices < SLICES_MAX; slices += 1) {
      const slice = await this.#slice()
      const count = countOverAge(slice, keepMs, ageMs)
      this.#release(slice, count)
      if (count < slice.seqs.length || slice.next === undefined) return
    }
  }

  /** Lets go the oldest of what is kept while there is an excess (in bytes). */
  async makeRoom(excess: () => number): Promise<void> {
    while (this.#options.keepMs > 0 && excess() > 0) {
      const slice = await this.#slice()
      const done = Math.min(...this.#outbox.cursors.map((cursor) => cursor.doneThrough()))
      const kept = slice.seqs.findIndex((seq) => seq > done)
      const count = Math.min(countOverSize(slice, excess()), kept < 0 ? slice.seqs.length : kept)
      if (count === 0) return
      this.#release(slice, count)
      await this.#outbox.append([], { durable: true })
    }
  }

  #release(slice: OldestSlice, count: number): void {
    const last = slice.seqs[count - 1]
    if (last === undefined) return
    this.#outbox.releaseKept(last)
    this.#from = last + 1
  }

  #slice(): Promise<OldestSlice> {
    return this.#options.storage.read(oldestSliceQuestion({ from: this.#from, recordsMax: DROP_ROWS_MAX, rows: 'all' }))
  }
}
