/** Seqs that were handed out, oldest first; settled ones are cut off at the front. */
export class Outstanding {
  #seqs: number[] = []
  #start = 0

  add(seq: number): void {
    this.#seqs.push(seq)
  }

  /** Adds one that does not follow those before it. */
  insert(seq: number): void {
    this.#seqs = [...this.#seqs.slice(this.#start), seq].sort((a, b) => a - b)
    this.#start = 0
  }

  /** How many there are at most: those behind the oldest may be settled. */
  get size(): number {
    return this.#seqs.length - this.#start
  }

  /** The oldest one; undefined when there is none. */
  get first(): number | undefined {
    return this.#seqs[this.#start]
  }

  /** May it be one of them? Those in between that are settled are not known here. */
  covers(seq: number): boolean {
    const { first } = this
    return first !== undefined && seq >= first && seq <= (this.#seqs.at(-1) ?? 0)
  }

  /** Cuts off what is settled at the front. */
  forget(isSettled: (seq: number) => boolean): void {
    while (this.#start < this.#seqs.length && isSettled(this.#seqs[this.#start] ?? 0)) this.#start += 1
    if (this.#start <= 4096) return
    this.#seqs = this.#seqs.slice(this.#start)
    this.#start = 0
  }

  clear(): void {
    this.#seqs = []
    this.#start = 0
  }
}
