/**
 * A sorted list of disjoint, closed ranges of numbers: which seqs an uplink has settled. Nearly always one range, because
 * acknowledgements arrive nearly in order; adding at the end of the first range is the fast path.
 */
export class Ranges {
  /** from0, to0, from1, to1, ... with to(i) + 1 < from(i+1). */
  readonly #bounds: number[]

  constructor(pairs: Iterable<readonly [number, number]> = []) {
    this.#bounds = []
    for (const [from, to] of pairs) this.add(from, to)
  }

  /** Number of ranges. */
  get size(): number {
    return this.#bounds.length / 2
  }

  /** The highest number in any range; 0 when there is none. */
  get last(): number {
    return this.#bounds.at(-1) ?? 0
  }

  add(from: number, to: number): void {
    const bounds = this.#bounds
    if (to < from) return
    if (bounds.length === 2 && from === (bounds[1] ?? 0) + 1) {
      bounds[1] = to
      return
    }
    // The ranges from index `first` up to (not including) `end` touch or overlap [from, to] and are merged into it.
    let first = this.#indexFrom(from - 1)
    let end = first
    let mergedFrom = from
    let mergedTo = to
    while (end < bounds.length && (bounds[end] ?? 0) <= to + 1) {
      mergedFrom = Math.min(mergedFrom, bounds[end] ?? from)
      mergedTo = Math.max(mergedTo, bounds[end + 1] ?? to)
      end += 2
    }
    first = Math.min(first, bounds.length)
    if (end - first === 2) {
      // One range grows, as it does with each of many answers in a hole: nothing is moved.
      bounds[first] = mergedFrom
      bounds[first + 1] = mergedTo
    } else bounds.splice(first, end - first, mergedFrom, mergedTo)
  }

  /** Takes out the ranges that end at or below `seq`. */
  forgetThrough(seq: number): void {
    this.#bounds.splice(0, this.#indexFrom(seq + 1))
  }

  has(seq: number): boolean {
    const bounds = this.#bounds
    const index = this.#indexFrom(seq)
    return index < bounds.length && (bounds[index] ?? 0) <= seq
  }

  /** The smallest number at or after `seq` that is in no range. */
  nextOutside(seq: number): number {
    const bounds = this.#bounds
    const index = this.#indexFrom(seq)
    return index < bounds.length && (bounds[index] ?? 0) <= seq ? (bounds[index + 1] ?? 0) + 1 : seq
  }

  /** The greatest number below `seq` that is in a range; 0 when there is none. */
  lastBefore(seq: number): number {
    const bounds = this.#bounds
    const index = this.#indexFrom(seq)
    if (index < bounds.length && (bounds[index] ?? 0) < seq) return seq - 1
    return index === 0 ? 0 : (bounds[index - 1] ?? 0)
  }

  toJSON(): [number, number][] {
    const pairs: [number, number][] = []
    for (let index = 0; index < this.#bounds.length; index += 2) {
      pairs.push([this.#bounds[index] ?? 0, this.#bounds[index + 1] ?? 0])
    }
    return pairs
  }

  /** Index in #bounds of the first range that ends at or after `seq`; #bounds.length when there is none. */
  #indexFrom(seq: number): number {
    const bounds = this.#bounds
    let low = 0
    let high = bounds.length / 2
    while (low < high) {
      const middle = (low + high) >> 1
      if ((bounds[middle * 2 + 1] ?? 0) < seq) low = middle + 1
      else high = middle
    }
    return low * 2
  }
}
