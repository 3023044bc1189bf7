import type { Clock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { BatchSettings, MqttSettings } from '../../uplink-settings.ts'
import type { Feed } from '../feed.ts'
import { formatOf } from '../formats/formats.ts'
import type { Fate, Message, Session } from '../transport.ts'
import { AtMostOnce } from './at-most-once.ts'
import { Compression } from './compression.ts'
import type { Outgoing } from './forming.ts'
import { Lanes } from './lanes.ts'
import { Notices } from './notices.ts'
import { Pace } from './pace.ts'
import { Progress } from './progress.ts'
import { Refusals } from './refusals.ts'
import { Settled } from './settled.ts'
import type { SenderProblem } from './standstill.ts'
import { Wakes } from './wakes.ts'
import { Window } from './window.ts'

/** Bytes that may wait in the socket: enough for a long fat link, little enough to notice a dead one. */
const BACKLOG_BYTES_MAX = 1_048_576
/** Payload bytes in flight, whatever the window: large batches must not hold hundreds of megabytes. */
const IN_FLIGHT_BYTES_MAX = 8_388_608
/** Payload bytes published in one turn of the event loop: some milliseconds, then the drivers have theirs. */
const TURN_BYTES_MAX = 524_288
/** A stop waits so long for what is being settled (at_most_once). */
const FINISH_MS_MAX = 2_000
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
  readonly #atMostOnce: AtMostOnce | undefined
  readonly #lanes: Lanes
  readonly #compression: Compression | undefined
  readonly #settled: Settled
  readonly #pace: Pace
  readonly #notices = new Notices()
  readonly #progress: Progress
  readonly #refusals: Refusals
  readonly #wakes: Wakes
  readonly counts: SenderCounts = { messages: 0, bytes: 0 }
  #session: Session | undefined
  #finishing = false
  #window: Window
  #ending = new AbortController()
  readonly #overheadBytes: number
  #inFlightBytes = 0
  #inFlightRecords = 0

  constructor(settings: SenderSettings, parts: SenderParts) {
    this.#settings = settings
    this.#parts = parts
    this.#clock = parts.clock
    this.#feed = parts.feed
    this.#settled = new Settled(this.#feed)
    this.#overheadBytes = PACKET_OVERHEAD_BYTES + 3 * JSON.stringify(settings.properties.user).length
    this.#progress = new Progress(parts.clock)
    this.#refusals = new Refusals({
      ...parts,
      settled: this.#settled,
      oneByOne: (message) => this.#lanes.oneByOne(message),
    })
    this.#pace = new Pace(settings.pace)
    this.#window = new Window(settings.window)
    this.#wakes = new Wakes(parts.clock, () => this.#run())
    const wake = () => this.#wakes.soon()
    this.#atMostOnce = settings.delivery === 'at_most_once' ? new AtMostOnce({ ...parts, onSettled: wake }) : undefined
    this.#compression = settings.batch?.gzip ? new Compression(wake) : undefined
    this.#lanes = new Lanes({
      feed: this.#feed,
      qos: this.#atMostOnce ? 0 : 1,
      order: settings.order,
      format: formatOf(settings.format, settings.topics),
      batch: settings.batch,
      properties: settings.properties,
      onPieces: (record, pieces) => {
        // At most once, all pieces of a record are settled together.
        if (pieces === 0 || !this.#atMostOnce) this.#settled.expect(record, pieces)
      },
      onArrival: wake,
      onFailure: (error) => parts.log.error(`reading the backlog failed: ${messageOf(error)}`),
    })
  }

  /** The feed still stands where the session before left it, or has something left of what was made before this one. */
  get hasLate(): boolean {
    return this.#lanes.isRewinding || this.#feed.hasLate()
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
    return this.#refusals.problem
  }

  /** Records delivered after an outage, since the agent started. */
  get lateDelivered(): number {
    return this.#settled.late + (this.#atMostOnce?.late ?? 0)
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
    this.#progress.begin()
    this.#wakes.begin(this.#ending.signal)
    const bytesMax = Math.min(session.packetBytesMax, session.batchBytesMax)
    this.#lanes.begin(bytesMax - this.#overheadBytes, { replies: session.repliesAvailable })
    void this.#watch(session, this.#ending.signal)
    this.#wakes.soon()
  }

  /** Takes nothing more; resolves when what was taken is written, if there is still a session. */
  async finish(): Promise<void> {
    this.#finishing = true
    const enough = new AbortController()
    // A disk that takes nothing must not keep the gateway from stopping.
    await Promise.race([this.#atMostOnce?.idle(), this.#clock.wait(FINISH_MS_MAX, enough.signal)])
    enough.abort()
    if (this.#session) this.#sendSettled(this.#session)
  }

  /** The session is over. What was in flight has an unknown fate and comes again with the next one. */
  close(): void {
    this.#ending.abort()
    this.#session = undefined
    this.#settled.end()
    this.#atMostOnce?.end()
    this.#lanes.rewind()
    this.#compression?.clear()
    this.#refusals.end()
    this.#notices.clear()
    this.#progress.note()
    this.#inFlightBytes = 0
    this.#inFlightRecords = 0
    this.#window = new Window(this.#settings.window)
  }

  #run(): void {
    this.#settled.flush()
    const session = this.#session
    if (!session) return
    const now = this.#progress.note()
    const pauseMs = this.#refusals.pauseMs(now)
    if (pauseMs > 0) {
      this.#wakes.within(pauseMs)
      return
    }
    this.#sendNotices(session, now)
    this.#sendSettled(session)
    this.#lanes.age(now)
    let turnBytes = 0
    while (this.#mayPublish(session, now)) {
      if (turnBytes >= TURN_BYTES_MAX) {
        this.#wakes.soon()
        break
      }
      const probe = this.#refusals.probe(now)
      const message = probe ?? this.#next(now)
      if (message === undefined) break
      turnBytes += message.bytes
      if (probe || !this.#refusals.park(message)) this.#publish(session, message, now)
    }
    this.#atMostOnce?.settle()
    this.#settled.flush()
    this.#lanes.refill()
    this.#wakes.within(this.#lanes.age(now))
    if (this.#mayPublish(session, now)) this.#wakes.within(this.#refusals.dueInMs(now))
  }

  /** at_most_once: what is settled goes out, whatever has happened since. */
  #sendSettled(session: Session): void {
    while (!session.isClosing) {
      const message = this.#atMostOnce?.take()
      if (!message) return
      if (this.#fits(session, message)) session.publish(message, noAnswer)
    }
  }

  #mayPublish(session: Session, now: number): boolean {
    if (
      session.isClosing ||
      this.#feed.paused ||
      this.#finishing ||
      this.#atMostOnce?.isBusy ||
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
    const again = this.#refusals.again()
    if (again) return again
    if (this.#refusals.isFull) return undefined
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
    if (this.#atMostOnce) {
      for (let one: Outgoing | undefined = message; one; one = this.#lanes.rest()) {
        if (!this.#fits(session, one)) continue
        this.#count(one, now)
        this.#atMostOnce.add(one)
      }
      return
    }
    if (!this.#fits(session, message)) return
    this.#count(message, now)
    if (this.#window.inFlight === 0) this.#progress.busy(now)
    this.#inFlightBytes += message.bytes
    message.sentAt = now
    this.#inFlightRecords += message.records.length
    message.sent = this.#window.sent()
    session.publish(message, this.#onFate)
  }

  #count(message: Outgoing, now: number): void {
    const bytes = typeof message.payload === 'string' ? message.bytes : message.payload.length
    this.counts.messages += 1
    this.counts.bytes += bytes
    this.#pace.sent(bytes + message.topic.length, now)
  }

  /** A message that is too large is split, or rejected when there is nothing to split. */
  #fits(session: Session, message: Outgoing): boolean {
    const sizeMax = session.packetBytesMax
    const roughly = (message.payload.length + message.topic.length) * 3 + this.#overheadBytes
    // The correlation data of an answer is no part of the estimate.
    if (roughly <= sizeMax && !message.reply) return true
    const bytes = session.packetBytes(message)
    if (bytes <= sizeMax) return true
    if (message.records.length > 1) this.#refusals.split(message)
    else this.#refusals.reject(message, `packet too large: ${bytes} bytes, the broker allows ${sizeMax}`)
    return false
  }

  readonly #onFate = (fate: Fate, message: Outgoing): void => {
    this.#window.settled()
    this.#inFlightBytes -= message.bytes
    this.#inFlightRecords -= message.records.length
    this.#progress.answered(message.sent, fate.fate === 'accepted' ? message.records.at(-1) : undefined)
    if (fate.fate === 'accepted') {
      this.#window.grow()
      this.#settled.taken(message.records)
      this.#refusals.accepted(message)
    } else if (fate.fate === 'rejected') this.#refusals.rejected(message, fate.reason)
    else {
      if (fate.shrinkWindow) this.#slowDown(message)
      this.#refusals.kept(message, fate)
    }
    if (this.#window.free * REFILL_PART >= this.#window.limit) this.#wakes.soon()
  }

  /** The cloud says that it is too much. */
  #slowDown(message: Outgoing): void {
    this.#window.shrink(message.sent)
    this.#pace.tooMuch(this.#clock.mono())
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
    this.#progress.answered(0)
    // A refusal that may be meant for this topic alone must not hold up the records.
    if (fate.fate === 'kept' && !fate.onlyTopic && fate.triesMax === undefined) {
      this.#notices.again(notice)
      this.#refusals.pause(fate, notice.topic)
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
      const oldest: Partial<Outgoing> | undefined = session.oldestInFlight()
      const dead = this.#progress.deadFor(ackTimeoutMs, { inFlight: this.#window.inFlight, oldest })
      if (dead) void session.close(dead)
    }
  }
}

/** QoS 0: what was written is settled already. */
function noAnswer(): void {}
