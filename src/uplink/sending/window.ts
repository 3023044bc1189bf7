/**
 * How many messages may be unacknowledged at a time. The ceiling is the smaller of our own setting and what the server
 * announced. When the server says that it is too much (quota), the limit is halved, once per window however many
 * messages of it were refused; then it grows back by one message per limit's worth of acknowledgements, as TCP does.
 */
export class Window {
  readonly #ceiling: number
  #limit: number
  #inFlight = 0
  /** Messages sent so far; each carries the number it was sent as. */
  #sent = 0
  /** Refusals of messages sent before this number speak of a limit that is already history. */
  #shrunkAt = 0
  #grown = 0

  /** @param ceiling at least 1 */
  constructor(ceiling: number) {
    this.#ceiling = Math.max(1, Math.floor(ceiling))
    this.#limit = this.#ceiling
  }

  get limit(): number {
    return this.#limit
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Messages that may be sent now. */
  get free(): number {
    return Math.max(0, this.#limit - this.#inFlight)
  }

  /** A message goes out. Returns the number to give back to `shrink`. */
  sent(): number {
    this.#inFlight += 1
    this.#sent += 1
    return this.#sent
  }

  /** A message in flight came to its end, whatever it was. */
  settled(): void {
    this.#inFlight -= 1
  }

  /** The server took a message: grow back slowly after a shrink. */
  grow(): void {
    if (this.#limit === this.#ceiling) return
    this.#grown += 1
    if (this.#grown < this.#limit) return
    this.#grown = 0
    this.#limit += 1
  }

  /** The server refused message number `sent` because it is too much. Never below one: something has to ask again. */
  shrink(sent: number): void {
    if (sent <= this.#shrunkAt) return
    this.#shrunkAt = this.#sent
    this.#grown = 0
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
  }
}
