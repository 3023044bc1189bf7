/**
 * Which epoch a seq belongs to. Seqs go on from the highest ever stored, so an epoch owns the numbers from its first seq
 * up to the one before the next epoch's first: no row has to carry it (P3).
 */
export interface Epoch {
  /** Count of starts of this database. */
  readonly start: number
  /** `start-random`, such as `17-3f9a2c1b`; unique even when a database was lost, restored or cloned. */
  readonly tag: string
  /** Gateway id at that time; it stays part of the id of the epoch's records. */
  readonly gateway: string
  readonly firstSeq: number
}

export class Epochs {
  readonly #epochs: Epoch[]
  readonly #indexByStart: ReadonlyMap<number, number>
  readonly #prefixes = new Map<number, string>()
  /** The last one found: drains walk through one epoch for a long time. */
  #found: { from: number; to: number; epoch: Epoch }

  /** `epochs` in order of firstSeq, at least one; the last is the running one. */
  constructor(epochs: readonly Epoch[]) {
    this.#epochs = [...epochs]
    this.#indexByStart = new Map(epochs.map((epoch, index) => [epoch.start, index]))
    const running = this.running
    this.#found = { from: running.firstSeq, to: Number.POSITIVE_INFINITY, epoch: running }
  }

  /** In order; the last is the running one. */
  get all(): readonly Epoch[] {
    return this.#epochs
  }

  get running(): Epoch {
    const epoch = this.#epochs.at(-1)
    if (!epoch) throw new Error('there is always a running epoch')
    return epoch
  }

  /** The epoch that issued `seq`; the oldest known one for older numbers. */
  of(seq: number): Epoch {
    if (seq >= this.#found.from && seq <= this.#found.to) return this.#found.epoch
    let index = this.#epochs.length - 1
    while (index > 0 && (this.#epochs[index]?.firstSeq ?? 0) > seq) index -= 1
    const epoch = this.#epochs[index] ?? this.running
    this.#found = { from: epoch.firstSeq, to: this.throughOf(epoch), epoch }
    return epoch
  }

  /** The last number of an epoch that is over; Infinity for the running one. */
  throughOf(epoch: Epoch): number {
    const next = this.#epochs[(this.#indexByStart.get(epoch.start) ?? this.#epochs.length) + 1]
    return next ? next.firstSeq - 1 : Number.POSITIVE_INFINITY
  }

  byStart(start: number): Epoch | undefined {
    return this.#epochs[this.#indexByStart.get(start) ?? -1]
  }

  /** `gateway/epoch/`; with the seq behind it, the id of a record. */
  idPrefix(seq: number): string {
    const epoch = this.of(seq)
    let prefix = this.#prefixes.get(epoch.start)
    if (prefix === undefined) {
      prefix = `${epoch.gateway}/${epoch.tag}/`
      this.#prefixes.set(epoch.start, prefix)
    }
    return prefix
  }

  /** Calls `visit` for each epoch that issued numbers of [from, to], with its share of the range. */
  share(from: number, to: number, visit: (epoch: Epoch, from: number, to: number) => void): void {
    for (const epoch of this.#epochs) {
      const low = Math.max(from, epoch.firstSeq)
      const high = Math.min(to, this.throughOf(epoch))
      if (low <= high) visit(epoch, low, high)
    }
  }
}
