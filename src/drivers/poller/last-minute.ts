/** Long enough for slow intervals, short enough to show what is going on now. */
export const MINUTE_MS = 60_000
const SLOT_MS = 5_000

/** A sum over the last minute, to within a slot of it. Times are CLOCK_MONOTONIC in ms. */
export class LastMinute {
  readonly #slots: { readonly slot: number; sum: number }[] = []

  add(at: number, amount: number): void {
    const slot = Math.floor(at / SLOT_MS)
    const last = this.#slots.at(-1)
    if (last?.slot === slot) last.sum += amount
    else this.#slots.push({ slot, sum: amount })
    this.#forget(at)
  }

  /** Something went on from then to then: adds how long. */
  addSpan(from: number, to: number): void {
    for (let begin = Math.max(from, to - MINUTE_MS); begin < to; ) {
      const end = Math.min(to, (Math.floor(begin / SLOT_MS) + 1) * SLOT_MS)
      this.add(begin, end - begin)
      begin = end
    }
  }

  /** Of the minute before `now`. */
  sum(now: number): number {
    this.#forget(now)
    let sum = 0
    for (const slot of this.#slots) sum += slot.sum
    const oldest = this.#slots[0]
    if (!oldest) return 0
    // Of the slot that is being left behind, a share.
    const leftMs = (oldest.slot + 1) * SLOT_MS - (now - MINUTE_MS)
    return leftMs < SLOT_MS ? sum - oldest.sum * (1 - leftMs / SLOT_MS) : sum
  }

  #forget(now: number): void {
    const gone = now - MINUTE_MS
    while (this.#slots[0] !== undefined && (this.#slots[0].slot + 1) * SLOT_MS <= gone) this.#slots.shift()
  }
}
