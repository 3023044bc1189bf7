import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { BatchSettings, MqttSettings } from '../uplink-settings.ts'
import { Compression } from './compression.ts'
import type { Feed } from './feed.ts'
import { formatOf } from './formats.ts'
import type { Outgoing } from './forming.ts'
import { Lanes } from './lanes.ts'
import { Notices } from './notices.ts'
import { OnceFeed } from './once.ts'
import { Pace } from './pace.ts'
import { Progress } from './progress.ts'
import { RejectionLog } from './rejection-log.ts'
import { Routes } from './routes.ts'
import { Settled } from './settled.ts'
import { type Kept, Standstill } from './standstill.ts'
import type { Fate, Message, Session } from './transport.ts'
import { Wakes } from './wakes.ts'
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
/** More than any header of a message, and more than its properties but for the operator's own. */
const PACKET_OVERHEAD_BYTES = 512

export type SenderSettings = Pick<
  MqttSettings,
  'window' | 'ackTimeoutMs' | 'topics' | 'order' | 'delivery' | 'format' | 'properties'
> & { readonly batch?: BatchSettings; readonly pace?: MqttSettings['pace'] }

export interface SenderParts {
  readonly feed: Feed
  readonly clock: Clock
  readonly log: Logger
  /** Gives a number in [0, 1). */
  readonly random: () => number
  /** What became in the end of a message that is no record; those to be sent again have no end yet. */
  readonly onNotice?: (message: Message, fate: Fate) => void
}

/** What keeps messages from going out although the session is up. */
export interface SenderProblem {
  readonly code: string
  readonly message: string
}

/** What was sent since the agent started, bytes of payload as sent; what is sent again counts again. */
export interface SenderCounts {
  messages: number
  bytes: number
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
  readonly #parts: SenderParts
  readonly #clock: Clock
  readonly #feed: Feed
  readonly #once: boolean
  readonly #lanes: Lanes
  readonly #compression: Compression | undefined
  readonly #settled: Settled
  readonly #routes: Routes
  readonly #pace: Pace
  readonly #notices = new Notices()
  readonly #progress: Progress
  readonly #standstill: Standstill
  readonly #rejections: RejectionLog
  readonly #wakes: Wakes
  readonly counts: SenderCounts = { messages: 0, bytes: 0 }
  #session: Session | undefined
  #window: Window
  #ending = new AbortController()
  /** Kept or to be sent one by one, in order; they go before anything new. */
  #again: Outgoing[] = []
  readonly #overheadBytes: number
  #inFlightBytes = 0
  #inFlightRecords = 0

  constructor(settings: SenderSettings, parts: SenderParts) {
    this.#settings = settings
    this.#parts = parts
    this.#clock = parts.clock
    this.#once = settings.delivery === 'at_most_once'
    this.#feed = this.#once ? new OnceFeed(parts.feed) : parts.feed
    this.#settled = new Settled(this.#feed)
    this.#overheadBytes = PACKET_OVERHEAD_BYTES + 3 * JSON.stringify(settings.properties.user).length
    this.#routes = new Routes(parts.random)
    this.#progress = new Progress(parts.clock)
    this.#standstill = new Standstill(parts.random)
    this.#rejections = new RejectionLog(parts.log, parts.clock)
    this.#pace = new Pace(settings.pace)
    this.#window = new Window(settings.window)
    this.#wakes = new Wakes(parts.clock, () => this.#run())
    const wake = () => this.#wakes.soon()
    this.#compression = settings.batch?.gzip ? new Compression(wake) : undefined
    this.#lanes = new Lanes({
      feed: this.#feed,
      qos: this.#once ? 0 : 1,
      order: settings.order,
      format: formatOf(settings.format, settings.topics),
      batch: settings.batch,
      properties: settings.properties,
      onPieces: (record, pieces) => this.#settled.expect(record, pieces),
      onArrival: wake,
      onFailure: (error) => parts.log.error(`reading the backlog failed: ${messageOf(error)}`),
    })
  }

  /** Messages without an answer. */
  get inFlight(): number {
    return this.#window.inFlight
  }

  /** Records in messages without an answer. */
  get inFlightRecords(): number {
    return this.#inFlightRecords
  }

  get window(): number {
    return this.#window.limit
  }

  /** Messages per second the cloud allows, as configured or learnt; Infinity: no limit is known. */
  get messagesPerSecond(): number {
    return this.#pace.messagesPerSecond(this.#clock.mono())
  }

  get problem(): SenderProblem | undefined {
    const all = this.#standstill.problem
    if (all !== undefined) return { code: 'publish_kept', message: all }
    const message = this.#routes.problem(this.#clock.mono())
    return message === undefined ? undefined : { code: 'topic_kept', message }
  }

  /** Records delivered after an outage, since the agent started. */
  get lateDelivered(): number {
    return this.#settled.late
  }

  /** From the making of the newest record the cloud took to its acknowledgement; undefined before the first fresh one. */
  get deliveryDelayMs(): number | undefined {
    return this.#progress.deliveryDelayMs
  }

  /** ms since the cloud last answered a message; undefined before the first. */
  lastAckAgeMs(): number | undefined {
    return this.#progress.ageMs
  }

  /** Sends a message that is no record, before records. Forgotten when the session ends. */
  notice(message: Message): void {
    if (!this.#session) return
    this.#notices.add(message)
    this.#wakes.soon()
  }

  /** A new session: everything that has no fate yet is sent on it. `close` must have been called for the one before. */
  open(session: Session): void {
    this.#session = session
    this.#window = new Window(Math.min(this.#settings.window, session.windowMax))
    this.#ending = new AbortController()
    this.#wakes.begin(this.#ending.signal)
    this.#lanes.begin(session.packetBytesMax - this.#overheadBytes)
    void this.#watch(session, this.#ending.signal)
    this.#wakes.soon()
  }

  /** The session is over. What was in flight has an unknown fate and comes again with the next one. */
  close(): void {
    this.#ending.abort()
    this.#session = undefined
    this.#settled.end()
    this.#lanes.rewind()
    this.#compression?.clear()
    this.#routes.clear()
    this.#notices.clear()
    this.#progress.note()
    this.#again = []
    this.#inFlightBytes = 0
    this.#inFlightRecords = 0
    this.#window = new Window(this.#settings.window)
    this.#standstill.clear()
  }

  #run(): void {
    this.#settled.flush()
    const session = this.#session
    if (!session) return
    const now = this.#progress.note()
    const pauseMs = this.#standstill.leftMs(now)
    if (pauseMs > 0) {
      this.#wakes.within(pauseMs)
      return
    }
    this.#sendNotices(session, now)
    this.#lanes.age(now)
    let turnBytes = 0
    while (this.#mayPublish(session, now)) {
      if (turnBytes >= TURN_BYTES_MAX) {
        this.#wakes.soon()
        break
      }
      const probe = this.#routes.probe(now)
      const message = probe ?? this.#next(now)
      if (message === undefined) break
      turnBytes += message.bytes
      if (probe || !this.#routes.park(message)) this.#publish(session, message, now)
    }
    this.#settled.flush()
    this.#lanes.refill()
    this.#wakes.within(this.#lanes.age(now))
    this.#wakes.within(this.#routes.dueInMs(now))
  }

  #mayPublish(session: Session, now: number): boolean {
    if (
      this.#feed.paused ||
      this.#window.free <= 0 ||
      this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX ||
      session.backlogBytes() >= BACKLOG_BYTES_MAX
    ) {
      return false
    }
    const waitMs = this.#pace.waitMs(now)
    if (waitMs === 0) return true
    this.#wakes.within(waitMs)
    return false
  }

  #next(now: number): Outgoing | undefined {
    const again = this.#again.shift()
    if (again) return again
    if (this.#routes.isFull) return undefined
    const compression = this.#compression
    if (!compression) return this.#lanes.next(now)
    while (!compression.isFull) {
      const fresh = this.#lanes.next(now)
      if (!fresh) break
      compression.add(fresh)
    }
    return compression.take()
  }

  #publish(session: Session, message: Outgoing, now: number): void {
    const sizeMax = session.packetBytesMax
    const roughly = (message.payload.length + message.topic.length) * 3 + this.#overheadBytes
    if (roughly > sizeMax && session.packetBytes(message) > sizeMax) {
      this.#tooLarge(message, session)
      return
    }
    const bytes = message.payload.length
    this.counts.messages += 1
    this.counts.bytes += bytes
    this.#pace.sent(bytes + message.topic.length, now)
    if (this.#once) {
      this.#settled.taken(message.records)
      session.publish(message, noAnswer)
      return
    }
    if (this.#window.inFlight === 0) this.#progress.busy(now)
    this.#inFlightBytes += bytes
    this.#inFlightRecords += message.records.length
    message.sent = this.#window.sent()
    session.publish(message, this.#onFate)
  }

  #tooLarge(message: Outgoing, session: Session): void {
    if (message.records.length > 1) {
      this.#again.unshift(...this.#lanes.oneByOne(message))
      return
    }
    const bytes = session.packetBytes(message)
    this.#reject(message, `packet too large: ${bytes} bytes, the server allows ${session.packetBytesMax}`)
  }

  readonly #onFate = (fate: Fate, message: Outgoing): void => {
    this.#window.settled()
    this.#inFlightBytes -= message.payload.length
    this.#inFlightRecords -= message.records.length
    this.#progress.answered(fate.fate === 'accepted' ? message.records.at(-1) : undefined)
    if (fate.fate === 'accepted') {
      this.#window.grow()
      this.#standstill.taken()
      this.#settled.taken(message.records)
    } else if (fate.fate === 'rejected') this.#rejected(message, fate.reason)
    else this.#kept(message, fate)
    if (fate.fate !== 'kept' && this.#routes.size > 0) this.#repeat(this.#routes.opened(message.topic))
    if (this.#window.free * REFILL_PART >= this.#window.limit) this.#wakes.soon()
  }

  #rejected(message: Outgoing, reason: string): void {
    if (message.records.length > 1) this.#repeat(this.#lanes.oneByOne(message))
    else this.#reject(message, reason)
  }

  #reject(message: Outgoing, reason: string): void {
    const record = message.records[0]
    if (!record) return
    this.#rejections.note(record, reason)
    this.#settled.refused(record, reason)
  }

  #kept(message: Outgoing, fate: Kept): void {
    if (fate.shrinkWindow) {
      this.#window.shrink(message.sent)
      this.#pace.tooMuch(this.#clock.mono())
    }
    message.tries += 1
    if (fate.triesMax !== undefined && message.tries >= fate.triesMax) {
      this.#rejected(message, `${fate.reason}, ${message.tries} times`)
      return
    }
    if (fate.onlyTopic) this.#closeRoute(message, fate)
    else {
      this.#repeat([message])
      this.#pause(message, fate)
    }
  }

  #closeRoute(message: Outgoing, { reason, delayMs }: Kept): void {
    const now = this.#clock.mono()
    const isFirst = this.#routes.size === 0
    const pauseMs = this.#routes.refuse(message, { reason, delayMs, now })
    if (pauseMs === undefined || !isFirst) return
    this.#parts.log.warn(`the cloud does not take records on ${message.topic} now: ${reason}`, { pauseMs })
  }

  /** Nothing is sent for a while. */
  #pause({ topic }: Message, fate: Kept): void {
    const news = this.#standstill.begin(fate, topic, this.#clock.mono())
    if (news !== undefined) this.#parts.log.warn(news, { topic })
  }

  /** Order is that in which they were formed, also for what goes a second time. */
  #repeat(messages: readonly Outgoing[]): void {
    if (messages.length === 0) return
    this.#again.push(...messages)
    this.#again.sort((a, b) => a.position - b.position)
  }

  #sendNotices(session: Session, now: number): void {
    while (this.#window.free > 0 && session.backlogBytes() < BACKLOG_BYTES_MAX) {
      const notice = this.#notices.take()
      if (!notice) return
      if (this.#window.inFlight === 0) this.#progress.busy(now)
      this.#window.sent()
      session.publish(notice, this.#onNoticeFate)
    }
  }

  readonly #onNoticeFate = (fate: Fate, notice: Message): void => {
    this.#window.settled()
    this.#progress.answered()
    // A refusal that may be meant for this topic alone must not hold up the records.
    if (fate.fate === 'kept' && !fate.onlyTopic && fate.triesMax === undefined) {
      this.#notices.again(notice)
      this.#pause(notice, fate)
    } else {
      this.#notices.answered(notice)
      this.#parts.onNotice?.(notice, fate)
    }
    this.#wakes.soon()
  }

  /** Looks now and then whether the cloud still answers. */
  async #watch(session: Session, signal: AbortSignal): Promise<void> {
    const { ackTimeoutMs } = this.#settings
    const tickMs = Math.min(TICK_MS, Math.max(1, ackTimeoutMs / 4))
    for (;;) {
      await this.#clock.wait(tickMs, signal)
      if (signal.aborted) return
      this.#wakes.soon()
      const dead = this.#progress.deadFor(this.#window.inFlight, ackTimeoutMs)
      if (dead) void session.close(dead)
    }
  }
}

/** QoS 0: what was written is settled already. */
function noAnswer(): void {}
