import type { StoredRecord } from '../../model.ts'
import type { Feed } from '../feed.ts'
import { Forming, type FormingParts, type Outgoing } from './forming.ts'
import { Stock } from './stock.ts'

/** Of so many messages, one is of the backlog while there are fresh ones, too. */
const SHARES = 5

export interface LanesParts extends FormingParts {
  readonly feed: Feed
  readonly order: 'oldest_first' | 'live_first'
  /** Records may have come. */
  readonly onArrival: () => void
  readonly onFailure: (error: unknown) => void
}

/**
 * Which message goes next. With `oldest_first` there is one lane. With `live_first` there are two: what is made while the
 * session lasts, and the backlog, which gets one message in five while both have any, and all that the live lane leaves.
 */
export class Lanes {
  readonly #feed: Feed
  readonly #backlog: Lane
  readonly #live: Lane | undefined
  #turn = 0
  #isRewinding = false
  /** The lane that gave the last message. */
  #last: Lane

  constructor(parts: LanesParts) {
    const { feed } = parts
    this.#feed = feed
    this.#backlog = new Lane(parts, (max) => feed.next(max))
    this.#last = this.#backlog
    this.#live = parts.order === 'live_first' ? new Lane(parts, (max) => feed.nextLive(max)) : undefined
    feed.onAppend = () => {
      const backlog = this.#backlog.stock.appended()
      const live = this.#live?.stock.appended() ?? false
      if (backlog || live) parts.onArrival()
    }
  }

  /** A new session (see Forming.begin). */
  begin(packetBytesMax: number, options: { readonly replies?: boolean } = {}): void {
    this.#backlog.forming.begin(packetBytesMax, options)
    this.#live?.forming.begin(packetBytesMax, options)
    this.rewind()
  }

  /**
   * Everything at hand is void; the feed hands it out again. Told to the feed at once, or when the page that is being read
   * has come: what is not in flight any more is subject to the limits again.
   */
  rewind(): void {
    this.#backlog.forming.clear()
    this.#live?.forming.clear()
    let reading = this.#live ? 2 : 1
    this.#isRewinding = true
    const then = () => {
      reading -= 1
      if (reading > 0) return
      this.#isRewinding = false
      this.#feed.rewind()
      this.#backlog.stock.release()
      this.#live?.stock.release()
    }
    this.#backlog.stock.clear(then)
    this.#live?.stock.clear(then)
  }

  /** The next message, or undefined when there is none to send now. `now` is CLOCK_MONOTONIC in ms. */
  next(now: number): Outgoing | undefined {
    const live = this.#live
    if (!live) return this.#backlog.next(now)
    this.#turn = (this.#turn + 1) % SHARES
    const [first, second] = this.#turn === 0 ? [this.#backlog, live] : [live, this.#backlog]
    this.#last = first
    const message = first.next(now)
    if (message) return message
    this.#last = second
    return second.next(now)
  }

  /** What was formed together with the last message: the other pieces of its record, for one. */
  rest(): Outgoing | undefined {
    return this.#last.forming.take()
  }

  /** A page is being read that is void, so the feed still stands where the session before left it. */
  get isRewinding(): boolean {
    return this.#isRewinding
  }

  /** Completes batches that waited long enough; gives the ms until the next one has, undefined when none waits. */
  age(now: number): number | undefined {
    const backlog = this.#backlog.age(now)
    const live = this.#live?.age(now)
    return backlog === undefined || live === undefined ? (backlog ?? live) : Math.min(backlog, live)
  }

  refill(): void {
    this.#backlog.stock.refill()
    this.#live?.stock.refill()
  }

  /** A batch as batches of one. */
  oneByOne(message: Outgoing): Outgoing[] {
    return this.#backlog.forming.oneByOne(message)
  }
}

/** Records, and the messages that are made of them. */
class Lane {
  readonly stock: Stock
  readonly forming: Forming

  constructor(parts: LanesParts, read: (max: number) => readonly StoredRecord[] | Promise<readonly StoredRecord[]>) {
    const { onArrival, onFailure } = parts
    this.forming = new Forming(parts)
    this.stock = new Stock({ read, onArrival, onFailure, pageRecords: pageRecords(parts.batch?.recordsMax ?? 1) })
  }

  next(now: number): Outgoing | undefined {
    const { stock, forming } = this
    for (;;) {
      const message = forming.take()
      if (message) return message
      const record = stock.peek()
      if (record === undefined) break
      stock.shift()
      forming.add(record, now)
    }
    this.age(now)
    return forming.take()
  }

  age(now: number): number | undefined {
    return this.forming.age(now, this.stock.isDry)
  }
}

/** Records asked for at a time: a few windows' worth of single records, or some dozens of batches. */
function pageRecords(batchRecords: number): number {
  return Math.min(8_192, Math.max(1_024, batchRecords * 32))
}
