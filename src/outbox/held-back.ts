/**
 * A record that must be durable before anybody sees it holds up those behind it for this long: longer than any healthy
 * sync. Beyond it the disk is failing, readings go past it, and it follows when it is durable.
 */
export const HOLD_MS_MAX = 5_000

/** A record that was passed over, and the record before it that the uplink wants. */
export interface Held {
  readonly seq: number
  readonly previous: number
}

/** Records of one uplink that were passed over because the failing disk could not make them durable, oldest first. */
export class HeldBack {
  #held: Held[] = []

  add(held: Held): void {
    this.#held.push(held)
    // Two lanes pass over records, each in its own order.
    this.#held.sort((a, b) => a.seq - b.seq)
  }

  /**
   * The oldest one, when it has left memory for the table, where everything below `tailFirst` is. It stays held, and so its
   * row stays, until `release`.
   */
  due(tailFirst: number): Held | undefined {
    const oldest = this.#held[0]
    return oldest && oldest.seq < tailFirst ? oldest : undefined
  }

  has(seq: number): boolean {
    return this.#held.some((held) => held.seq === seq)
  }

  /** The oldest one is handed out, or is not there any more. */
  release(): void {
    this.#held.shift()
  }

  /** The seq of the oldest one; Infinity when there is none. */
  get first(): number {
    return this.#held[0]?.seq ?? Number.POSITIVE_INFINITY
  }

  /** A new session begins at the first record that is not settled, held back or not. */
  clear(): void {
    this.#held = []
  }
}
