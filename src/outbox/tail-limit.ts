import type { Cursor } from './cursor.ts'
import type { Tail, TailEntry } from './tail.ts'

/** Records kept in memory when the disk is slow, full or failing; beyond this the oldest readings go first, counted. */
const TAIL_RECORDS_MAX = 100_000
const TAIL_BYTES_MAX = 32 * 1024 * 1024
/** Events and outcomes outlive readings: they are given up only beyond this part more. */
const OTHERS_SHARE = 0.1
/** Given up at a time, so that the search for the oldest is not repeated for each append. */
const GIVE_UP = 1_000

/** Bounds the memory of the tail. */
export class TailLimit {
  readonly #tail: Tail
  readonly #cursors: readonly Cursor[]
  /** Below this head the tail is not searched again: next to nothing in it could be given up. */
  #searchFrom = 0

  constructor(tail: Tail, cursors: readonly Cursor[]) {
    this.#tail = tail
    this.#cursors = cursors
  }

  /** Takes out of the tail what is beyond the limit and returns it, oldest first. */
  takeExcess(): readonly TailEntry[] {
    if (!this.#isOver(1) || (this.#tail.head < this.#searchFrom && !this.#isOver(1 + 2 * OTHERS_SHARE))) return []
    const excess: TailEntry[] = []
    while (this.#isOver(1)) {
      const readings = this.#giveUp((entry) => entry.kind === 'data')
      const given = readings.length === 0 && this.#isOver(1 + OTHERS_SHARE) ? this.#giveUp(() => true) : readings
      excess.push(...given)
      if (given.length === GIVE_UP) continue
      this.#searchFrom = this.#tail.head + GIVE_UP
      if (given.length === 0) break
    }
    return excess
  }

  #isOver(share: number): boolean {
    return this.#tail.size > TAIL_RECORDS_MAX * share || this.#tail.bytes > TAIL_BYTES_MAX * share
  }

  /**
   * What is on its way to an uplink is left alone. What is part of a commit that does not succeed goes like the rest, else
   * the newest would go instead of the oldest; should the commit succeed after all, the rows are removed by the next.
   */
  #giveUp(may: (entry: TailEntry) => boolean): TailEntry[] {
    return this.#tail.giveUp(
      GIVE_UP,
      (entry) => may(entry) && !this.#cursors.some((cursor) => cursor.isOutstanding(entry.seq)),
    )
  }
}
