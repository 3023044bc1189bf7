import type { Storage } from '../storage/operation.ts'
import type { GivenUp } from './given-up.ts'
import { type OldestSlice, oldestSliceQuestion } from './limits.ts'
import { DROP_ROWS_MAX, givenUp } from './retention.ts'

/** Slices looked at in one run: what is left is looked at in the next, some seconds later. */
const SLICES_MAX = 50

interface SweepHost {
  readonly storage: Storage
  readonly ageMs: (boot: number, mono: number) => number
  readonly giveUp: (records: readonly GivenUp[]) => Promise<unknown>
}

/**
 * Removes rows that nobody wants late any more. Rows are in the order of time, so for each duration there is a number below
 * which nothing is left to do: every row is looked at once for each duration, and never all of them at a time.
 *
 * What was stored with a longer duration than any configured now is left to the cursors, which pass over it.
 */
export class ExpirySweep {
  /** Duration in ms -> the first number that may have a row with this duration or a shorter one. */
  readonly #from: Map<number, number>
  readonly #host: SweepHost

  constructor(durationsMs: Iterable<number>, host: SweepHost) {
    this.#from = new Map([...new Set(durationsMs)].sort((a, b) => a - b).map((duration) => [duration, 1]))
    this.#host = host
  }

  async run(): Promise<void> {
    for (const duration of this.#from.keys()) {
      for (let slices = 0; slices < SLICES_MAX; slices += 1) {
        if (!(await this.#sweepSlice(duration))) break
      }
    }
  }

  /** False when there is nothing more to do now. */
  async #sweepSlice(expiresMax: number): Promise<boolean> {
    const { storage, giveUp } = this.#host
    const from = this.#from.get(expiresMax) ?? 1
    const slice = await storage.read(
      oldestSliceQuestion({ from, recordsMax: DROP_ROWS_MAX, rows: 'expiring', expiresMax }),
    )
    const count = this.#expired(slice)
    if (count > 0) await giveUp(givenUp(slice, count))
    const isDone = count === slice.seqs.length
    const next = isDone ? slice.next : slice.seqs[count]
    if (next !== undefined) this.#from.set(expiresMax, next)
    return isDone && slice.next !== undefined
  }

  #expired({ seqs, boots, monos, expires }: OldestSlice): number {
    const isExpired = (at: number) => this.#host.ageMs(boots[at] ?? 0, monos[at] ?? 0) > (expires[at] ?? 0)
    let count = 0
    while (count < seqs.length && isExpired(count)) count += 1
    return count
  }
}
