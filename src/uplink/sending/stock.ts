import type { StoredRecord } from '../../model.ts'

export interface StockParts {
  /** The next records, at most `max`; never called before a promise it gave has settled. */
  readonly read: (max: number) => readonly StoredRecord[] | Promise<readonly StoredRecord[]>
  /** Records to ask for at a time. */
  readonly pageRecords: number
  /** A page that was being read is there. */
  readonly onArrival: () => void
  /** It could not be read; asked again at the next `refill`. */
  readonly onFailure: (error: unknown) => void
}

/**
 * The records at hand, a page at a time, with the next page asked for before the last is used up. It keeps the feed's
 * rules: never two calls at a time, and nothing asked while it said that there is nothing.
 */
export class Stock {
  readonly #parts: StockParts
  #page: readonly StoredRecord[] = []
  #index = 0
  #reading = false
  /** Called when the page that is being read has come: it was asked for before everything became void. */
  #whenVoid: (() => void) | undefined
  #dry = false
  /** Nothing may be read: the feed is to begin anew first. */
  #held = false
  /** Records were appended while a page was being read, so its emptiness proves nothing. */
  #appended = false

  constructor(parts: StockParts) {
    this.#parts = parts
  }

  /** Nothing is at hand, and there is nothing more. */
  get isDry(): boolean {
    return this.#dry && this.#index >= this.#page.length
  }

  /** There may be more. Tells whether that is news. */
  appended(): boolean {
    this.#appended = true
    if (!this.#dry) return false
    this.#dry = false
    return true
  }

  /** The next record, without taking it; undefined when none is at hand now. */
  peek(): StoredRecord | undefined {
    if (this.#index >= this.#page.length) this.#read()
    return this.#page[this.#index]
  }

  /** Takes the record that `peek` showed. */
  shift(): void {
    this.#index += 1
  }

  /**
   * Everything at hand is void, and nothing is read until `release`. `then` is called at once, or when the page that is being
   * read has come.
   */
  clear(then: () => void): void {
    this.#page = []
    this.#index = 0
    this.#dry = false
    this.#held = true
    if (this.#reading) this.#whenVoid = then
    else then()
  }

  /** The feed has begun anew. */
  release(): void {
    this.#held = false
  }

  /** Asks for the next page when less than half of one is left. */
  refill(): void {
    if (this.#page.length - this.#index < this.#parts.pageRecords / 2) this.#read()
  }

  #read(): void {
    if (this.#reading || this.#dry || this.#held) return
    this.#appended = false
    const answer = this.#parts.read(this.#parts.pageRecords)
    if (!(answer instanceof Promise)) {
      this.#take(answer)
      return
    }
    this.#reading = true
    answer.then(
      (records) => {
        this.#reading = false
        if (!this.#voided()) this.#take(records)
        this.#parts.onArrival()
      },
      (error: unknown) => {
        this.#reading = false
        this.#voided()
        this.#parts.onFailure(error)
      },
    )
  }

  #voided(): boolean {
    const then = this.#whenVoid
    this.#whenVoid = undefined
    then?.()
    return then !== undefined
  }

  #take(records: readonly StoredRecord[]): void {
    if (records.length === 0) {
      this.#dry = !this.#appended
      return
    }
    const left = this.#page.length - this.#index
    this.#page = left === 0 ? records : this.#page.slice(this.#index).concat(records)
    this.#index = 0
  }
}
