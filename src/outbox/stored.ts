import type { Cursor } from './cursor.ts'
import { toRanges } from './retention.ts'
import type { TailEntry } from './tail.ts'

/** Seqs removed by one commit at most, so that one call into SQLite stays short. */
const REMOVE_MAX = 10_000

export interface Removal {
  readonly ranges: readonly (readonly [number, number])[]
  readonly given: readonly number[]
}

/** What the main thread knows of the rows in the table: where they begin and end, never how many there are. */
export class Stored {
  /** No row is below this; 0: the table is empty. */
  #first: number
  #last: number
  /** Rows above what absent uplinks hold are removed below this. */
  #aboveHeld = 0
  /** Seqs given up at a limit, to be removed by the next commit. */
  #given: number[] = []
  /** Seqs given up whose removal is not synced yet: a page that is read meanwhile may still bring them. */
  readonly #gone = new Set<number>()
  written = 0
  #holds = 0
  /** Those who wait for the end of the last hold. */
  #waiting: (() => void)[] = []
  /** Rows above this are kept for replay; Infinity: none are. */
  #releasedThrough: number

  constructor(first: number, last: number, keepsDelivered = false) {
    this.#first = first
    this.#last = last
    this.#releasedThrough = keepsDelivered ? 0 : Number.POSITIVE_INFINITY
  }

  /** No row is below this; 0: the table is empty. */
  get first(): number {
    return this.#first
  }

  /** Rows through `seq` need not be kept for replay any longer. */
  releaseKept(seq: number): void {
    this.#releasedThrough = Math.max(this.#releasedThrough, seq)
  }

  /** Highest seq that may have a row; 0 when the table was empty from the start. */
  get last(): number {
    return this.#last
  }

  has(seq: number): boolean {
    return this.#first > 0 && seq >= this.#first && seq <= this.#last
  }

  added(entries: readonly TailEntry[]): void {
    const first = entries[0]
    const last = entries.at(-1)
    if (!first || !last) return
    this.written += entries.length
    if (this.#first === 0) this.#first = first.seq
    this.#last = Math.max(this.#last, last.seq)
  }

  /** Rows given up at a limit: gone from now on, removed by the next commit. */
  giveUp(seqs: readonly number[]): void {
    for (const seq of seqs) {
      this.#given.push(seq)
      this.#gone.add(seq)
    }
  }

  isGone(seq: number): boolean {
    return this.#gone.has(seq)
  }

  get gone(): ReadonlySet<number> {
    return this.#gone
  }

  /** Nothing is removed until the function that is given back is called. */
  hold(): () => void {
    this.#holds += 1
    let held = true
    return () => {
      if (held) this.#holds -= 1
      held = false
      if (this.#holds === 0) for (const go of this.#waiting.splice(0)) go()
    }
  }

  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** Resolves when rows may be removed. */
  async released(): Promise<void> {
    while (this.#holds > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /**
   * The removal of these ranges is synced, and `next` are the rows found above them (see NextRows). Where a salvage left
   * millions of numbers free, removing by numbers would go on for hours over nothing.
   */
  passed(ranges: Removal['ranges'], next: readonly number[]): void {
    for (const [index, found] of next.entries()) {
      const behind = (ranges[index]?.[1] ?? 0) + 1
      if (this.#first === behind) this.#first = found
      if (this.#aboveHeld === behind) this.#aboveHeld = found || this.#last + 1
    }
  }

  /** The removal of rows that were given up is synced. */
  removed(given: readonly number[]): void {
    for (const seq of given) this.#gone.delete(seq)
  }

  hasRemovable(cursors: readonly Cursor[], absent: readonly Cursor[]): boolean {
    if (this.#holds > 0) return false
    return this.#given.length > 0 || this.#removable(cursors, absent).length > 0
  }

  /** Ranges to remove with the next commit: rows that every uplink is past, and rows given up (`given`). */
  takeRemovable(cursors: readonly Cursor[], absent: readonly Cursor[]): Removal {
    if (this.#holds > 0) return { ranges: [], given: [] }
    const given = this.#given
    this.#given = []
    const removable = this.#removable(cursors, absent)
    for (const [from, through] of removable) {
      if (from === this.#first) this.#first = through < this.#last ? through + 1 : 0
      else this.#aboveHeld = through + 1
    }
    return { ranges: [...removable, ...toRanges(given)], given }
  }

  /**
   * Below and above what absent uplinks hold. An uplink that was taken out of the configuration keeps the rows it has a
   * claim to until it is forgotten by an explicit command (P12); newer rows are not held by it.
   */
  #removable(cursors: readonly Cursor[], absent: readonly Cursor[]): [number, number][] {
    if (this.#first === 0) return []
    const done = cursors.reduce(
      (through, cursor) => Math.min(through, cursor.doneThrough()),
      Math.min(this.#last, this.#releasedThrough),
    )
    const held = absent.filter((cursor) => cursor.doneThrough() < (cursor.wantedThrough ?? 0))
    const heldFrom = Math.min(...held.map((cursor) => cursor.doneThrough() + 1))
    const heldThrough = Math.max(0, ...held.map((cursor) => cursor.wantedThrough ?? 0))
    const below = slice(this.#first, Math.min(done, heldFrom - 1))
    const above = held.length > 0 ? slice(Math.max(this.#aboveHeld, heldThrough + 1), done) : []
    return [...below, ...above]
  }
}

function slice(from: number, through: number): [number, number][] {
  return through < from ? [] : [[from, Math.min(through, from + REMOVE_MAX - 1)]]
}
