import type { StoredRecord } from '../model.ts'
import type { Feed } from './feed.ts'

export interface StockOptions {
  /** Records to ask for at a time. */
  readonly pageRecords: number
  /** Records may have come, or a page that was being read is there. */
  onArrival(): void
  /** The feed could not read; asked again at the next `refill`. */
  onFailure(error: unknown): void
}

/**
 * The records at hand, a page at a time, with the next page asked for before the last is used up. It keeps the feed's
 * rules: never two calls at a time, nothing asked while it said that there is nothing, `rewind` only between calls.
 */
export class Stock {
  readonly #feed: Feed
  readonly #options: StockOptions
  #page: readonly StoredRecord[] = []
  #index = 0
  #reading = false
  /** What is being read was asked for before the last rewind, and will be handed out again. */
  #stale = false
  #dry = false
  /** Records were appended while a page was being read, so its emptiness proves nothing. */
  #appended = false

  constructor(feed: Feed, options: StockOptions) {
    this.#feed = feed
    this.#options = options
    feed.onAppend = () => {
      this.#appended = true
      if (!this.#dry) return
      this.#dry = false
      options.onArrival()
    }
  }

  /** Nothing is at hand and the feed has no more. */
  get isDry(): boolean {
    return this.#dry && this.#index >= this.#page.length
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
   * Everything at hand is void; the feed hands it out again. Told to the feed at once, or when the page that is being read
   * has come: what is not in flight any more is subject to the limits again.
   */
  rewind(): void {
    this.#page = []
    this.#index = 0
    this.#dry = false
    this.#stale = this.#reading
    if (!this.#reading) this.#feed.rewind()
  }

  /** Asks for the next page when less than half of one is left. */
  refill(): void {
    if (this.#page.length - this.#index < this.#options.pageRecords / 2) this.#read()
  }

  #read(): void {
    if (this.#reading || this.#dry) return
    this.#appended = false
    const answer = this.#feed.next(this.#options.pageRecords)
    if (!(answer instanceof Promise)) {
      this.#take(answer)
      return
    }
    this.#reading = true
    answer.then(
      (records) => {
        this.#reading = false
        if (this.#stale) this.#voided()
        else this.#take(records)
        this.#options.onArrival()
      },
      (error: unknown) => {
        this.#reading = false
        if (this.#stale) this.#voided()
        this.#options.onFailure(error)
      },
    )
  }

  #voided(): void {
    this.#stale = false
    this.#feed.rewind()
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
