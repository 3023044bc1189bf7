import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { StoredRecord } from '../model.ts'
import type { BatchSettings, MqttSettings } from '../uplink-settings.ts'
import type { Feed } from './feed.ts'
import { Forming, type Outgoing } from './forming.ts'
import { keptPauseMs } from './kept.ts'
import { Settled } from './settled.ts'
import { Stock } from './stock.ts'
import type { Closed, Fate, Session } from './transport.ts'
import { Window } from './window.ts'

/** Bytes that may wait in the socket: enough for a long fat link, little enough to notice a dead one. */
const BACKLOG_BYTES_MAX = 1_048_576
/** Payload bytes in flight, whatever the window: large batches must not hold hundreds of megabytes. */
const IN_FLIGHT_BYTES_MAX = 8_388_608
/** Payload bytes published in one turn of the event loop: some milliseconds, then the drivers have theirs. */
const TURN_BYTES_MAX = 524_288
/** Liveness is looked at this often, or four times per acknowledgement timeout if that is more often. */
const TICK_MS = 1_000
/**
 * A full window is refilled when this part of it is free: a broker answers message by message, and a write to the socket
 * for each would cost more than the message. Over a long link it takes a sixteenth of the window at most. Fewer are left to
 * the next acknowledgement or the tick.
 */
const REFILL_PART = 16
/** Rejections for the same reason are logged this often; the rejected records themselves tell how many there are. */
const REJECTED_LOG_EVERY_MS = 60_000
/** More than any property and header of a message without its topic and payload. */
const PACKET_OVERHEAD_BYTES = 512

export interface SenderSettings {
  readonly window: number
  readonly ackTimeoutMs: number
  readonly topics: MqttSettings['topics']
  readonly batch?: BatchSettings
}

export interface SenderParts {
  readonly feed: Feed
  readonly clock: Clock
  readonly log: Logger
  /** Gives a number in [0, 1). */
  readonly random: () => number
}

/** What keeps messages from going out although the session is up. */
export interface SenderProblem {
  readonly code: string
  readonly message: string
}

/**
 * Takes records from the feed, forms messages, keeps the window of each session full and settles what the cloud answers.
 * It lives as long as the uplink; sessions come and go (`open`, `close`).
 *
 * Events only leave a note and ask for a pump; one pump per turn of the event loop takes all notes at once. So a
 * thousand acknowledgements cost one refill and one write to the socket, not a thousand.
 */
export class Sender {
  readonly #settings: SenderSettings
  readonly #clock: Clock
  readonly #log: Logger
  readonly #random: () => number
  readonly #feed: Feed
  readonly #stock: Stock
  readonly #settled: Settled
  readonly #forming: Forming
  #session: Session | undefined
  #window: Window
  #ending = new AbortController()
  /** Kept or to be sent one by one, in feed order; they go before anything new. */
  #again: Outgoing[] = []
  #inFlightBytes = 0
  #pumpDue = false
  /** A message came to an end since the last pump. */
  #progress = false
  #busySince = 0
  #lastAckAt: number | undefined
  #pausedUntil = 0
  #pauses = 0
  #waking = false
  #problem: SenderProblem | undefined
  #rejectedLogged: { readonly reason: string; readonly at: number } | undefined
  readonly #pump = () => {
    this.#pumpDue = false
    this.#run()
  }

  constructor(settings: SenderSettings, parts: SenderParts) {
    this.#settings = settings
    this.#clock = parts.clock
    this.#log = parts.log
    this.#random = parts.random
    this.#feed = parts.feed
    this.#settled = new Settled(parts.feed)
    this.#window = new Window(settings.window)
    this.#forming = new Forming(settings.topics, settings.batch)
    this.#stock = new Stock(parts.feed, {
      onArrival: () => this.#wake(),
      onFailure: (error) => this.#log.error(`reading the backlog failed: ${messageOf(error)}`),
      pageRecords: pageRecords(settings.batch),
    })
  }

  /** Messages without an answer. */
  get inFlight(): number {
    return this.#window.inFlight
  }

  get window(): number {
    return this.#window.limit
  }

  get problem(): SenderProblem | undefined {
    return this.#problem
  }

  /** ms since the cloud last answered a message; undefined before the first. */
  lastAckAgeMs(): number | undefined {
    if (this.#progress) return 0
    return this.#lastAckAt === undefined ? undefined : this.#clock.mono() - this.#lastAckAt
  }

  /** A new session: everything that has no fate yet is sent on it. `close` must have been called for the one before. */
  open(session: Session): void {
    this.#session = session
    this.#window = new Window(Math.min(this.#settings.window, session.windowMax))
    this.#forming.begin(session.packetBytesMax - PACKET_OVERHEAD_BYTES)
    this.#again = []
    this.#inFlightBytes = 0
    this.#pausedUntil = 0
    this.#pauses = 0
    this.#problem = undefined
    this.#ending = new AbortController()
    this.#stock.rewind()
    void this.#watch(session, this.#ending.signal)
    this.#wake()
  }

  /** The session is over. What was in flight has an unknown fate and comes again with the next one. */
  close(): void {
    this.#ending.abort()
    this.#session = undefined
    this.#settled.flush()
    this.#stock.rewind()
    this.#noteProgress()
    this.#again = []
    this.#window = new Window(this.#settings.window)
    this.#problem = undefined
  }

  #wake(): void {
    if (this.#pumpDue) return
    this.#pumpDue = true
    setImmediate(this.#pump)
  }

  #run(): void {
    this.#settled.flush()
    const session = this.#session
    if (!session) return
    this.#noteProgress()
    if (this.#pausedUntil > 0 && !this.#pauseIsOver()) return
    let turnBytes = 0
    while (this.#mayPublish(session)) {
      if (turnBytes >= TURN_BYTES_MAX) {
        this.#wake()
        break
      }
      const message = this.#again.shift() ?? this.#next()
      if (message === undefined) break
      turnBytes += message.payload.length
      this.#publish(session, message)
    }
    this.#stock.refill()
  }

  #mayPublish(session: Session): boolean {
    return (
      !this.#feed.paused &&
      this.#window.free > 0 &&
      this.#inFlightBytes < IN_FLIGHT_BYTES_MAX &&
      session.backlogBytes() < BACKLOG_BYTES_MAX
    )
  }

  /** The next new message, or undefined when there is none to send now. */
  #next(): Outgoing | undefined {
    for (;;) {
      const record = this.#stock.peek()
      if (record === undefined) return this.#unfinished()
      if (!this.#forming.fits(record)) return this.#forming.take()
      this.#stock.shift()
      const finished = this.#forming.add(record)
      if (finished) return finished
    }
  }

  /** Nothing more has come: a batch that is not full waits for its time, or for the page that is being read. */
  #unfinished(): Outgoing | undefined {
    if (this.#forming.isEmpty || !this.#stock.isDry) return undefined
    const waitMaxMs = this.#settings.batch?.waitMaxMs ?? 0
    const now = this.#clock.mono()
    const leftMs = this.#forming.sinceMs(now) + waitMaxMs - now
    if (leftMs <= 0) return this.#forming.take()
    this.#wakeIn(leftMs)
    return undefined
  }

  #publish(session: Session, message: Outgoing): void {
    const sizeMax = session.packetBytesMax
    const roughly = (message.payload.length + message.topic.length) * 3 + PACKET_OVERHEAD_BYTES
    if (roughly > sizeMax && session.packetBytes(message) > sizeMax) {
      this.#tooLarge(message, session)
      return
    }
    if (this.#window.inFlight === 0) this.#busySince = this.#clock.mono()
    this.#inFlightBytes += message.payload.length
    message.sent = this.#window.sent()
    session.publish(message, this.#onFate)
  }

  #tooLarge(message: Outgoing, session: Session): void {
    if (message.records.length > 1) {
      this.#again.unshift(...this.#forming.oneByOne(message))
      return
    }
    const bytes = session.packetBytes(message)
    this.#reject(message, `packet too large: ${bytes} bytes, the server allows ${session.packetBytesMax}`)
  }

  readonly #onFate = (fate: Fate, message: Outgoing): void => {
    this.#window.settled()
    this.#inFlightBytes -= message.payload.length
    this.#progress = true
    if (fate.fate === 'accepted') {
      this.#window.grow()
      // What was taken on the way into a pause says nothing about what comes after it.
      if (this.#pausedUntil === 0) this.#pauses = 0
      this.#settled.add(message)
    } else if (fate.fate === 'rejected') this.#rejected(message, fate.reason)
    else this.#kept(message, fate)
    if (this.#window.free * REFILL_PART >= this.#window.limit) this.#wake()
  }

  #rejected(message: Outgoing, reason: string): void {
    if (message.records.length > 1) this.#repeat(...this.#forming.oneByOne(message))
    else this.#reject(message, reason)
  }

  #reject(message: Outgoing, reason: string): void {
    const record = message.records[0]
    if (!record) return
    this.#logRejected(record, reason)
    this.#feed.rejected(record, reason)
  }

  /** Not a line per record when a whole topic is refused. */
  #logRejected(record: StoredRecord, reason: string): void {
    const now = this.#clock.mono()
    if (this.#rejectedLogged?.reason === reason && now - this.#rejectedLogged.at < REJECTED_LOG_EVERY_MS) return
    this.#rejectedLogged = { reason, at: now }
    this.#log.error(`the server will never take record ${record.idPrefix}${record.seq}: ${reason}`)
  }

  #kept(message: Outgoing, fate: Extract<Fate, { fate: 'kept' }>): void {
    if (fate.shrinkWindow) this.#window.shrink(message.sent)
    message.tries += 1
    if (fate.triesMax !== undefined && message.tries >= fate.triesMax) {
      this.#rejected(message, `${fate.reason}, ${message.tries} times`)
      return
    }
    this.#repeat(message)
    const now = this.#clock.mono()
    if (this.#pausedUntil > now) return
    const pauseMs =
      fate.delayMs === undefined ? Number.POSITIVE_INFINITY : keptPauseMs(fate.delayMs, this.#pauses, this.#random)
    this.#pauses += 1
    this.#pausedUntil = now + pauseMs
    const next = Number.isFinite(pauseMs) ? `next try in ${Math.round(pauseMs)} ms` : 'next try with a new session'
    if (!this.#problem)
      this.#log.warn(`the cloud does not take records now: ${fate.reason}, ${next}`, { topic: message.topic })
    this.#problem = { code: 'publish_kept', message: `${fate.reason} on ${message.topic}, ${next}` }
  }

  /** Order is that of the feed, also for what goes a second time. */
  #repeat(...messages: Outgoing[]): void {
    this.#again.push(...messages)
    this.#again.sort((a, b) => a.position - b.position)
  }

  #pauseIsOver(): boolean {
    const leftMs = this.#pausedUntil - this.#clock.mono()
    if (leftMs > 0) {
      if (Number.isFinite(leftMs)) this.#wakeIn(leftMs)
      return false
    }
    this.#pausedUntil = 0
    return true
  }

  #noteProgress(): void {
    if (!this.#progress) return
    this.#progress = false
    this.#lastAckAt = this.#clock.mono()
    if (this.#pauses === 0) this.#problem = undefined
  }

  #wakeIn(ms: number): void {
    if (this.#waking) return
    this.#waking = true
    void this.#clock.wait(ms, this.#ending.signal).then(() => {
      this.#waking = false
      this.#wake()
    })
  }

  /** Something in flight and no answer for `ackTimeoutMs`: the link pings, but it is dead for us. */
  async #watch(session: Session, signal: AbortSignal): Promise<void> {
    const { ackTimeoutMs } = this.#settings
    const tickMs = Math.min(TICK_MS, Math.max(1, ackTimeoutMs / 4))
    for (;;) {
      await this.#clock.wait(tickMs, signal)
      if (signal.aborted) return
      this.#wake()
      if (this.#window.inFlight === 0 || this.#progress) continue
      const silentMs = this.#clock.mono() - Math.max(this.#busySince, this.#lastAckAt ?? 0)
      if (silentMs >= ackTimeoutMs) void session.close(ackTimeout(this.#window.inFlight, silentMs))
    }
  }
}

function ackTimeout(inFlight: number, silentMs: number): Closed {
  return {
    reason: 'ack_timeout',
    detail: `${inFlight} messages in flight and no acknowledgement for ${Math.round(silentMs)} ms`,
    hurry: 'soon',
  }
}

/** Records asked for at a time: a few windows' worth of single records, or some dozens of batches. */
function pageRecords(batch: BatchSettings | undefined): number {
  return Math.min(8_192, Math.max(1_024, (batch?.recordsMax ?? 1) * 32))
}
