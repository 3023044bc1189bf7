import type { Duplex } from 'node:stream'
import type { MqttClient } from 'mqtt'
import { type Closed, type Fate, type Message, type Session, type Shortfall, STOPPED } from '../transport.ts'
import { codeName, PACKET_ID_IN_USE, pubackFate } from './fates.ts'
import { PublishEncoder } from './packets.ts'
import { PUBLISH_ID_MAX, type SessionTerms } from './session-terms.ts'
import type { LargePacket } from './sizes.ts'

/** How long the peer has to follow a DISCONNECT before the socket is torn down. */
const CLOSE_TIMEOUT_MS = 2_000
/** DISCONNECT, normal (MQTT 5.0 section 3.14.2.1 allows leaving out the code 0x00), so good for both versions. */
const DISCONNECT = Uint8Array.of(0xe0, 0)
/** Disconnect with will message (0x04): we go in good order, but not because all is well. */
const DISCONNECT_WITH_WILL = Uint8Array.of(0xe0, 1, 0x04)
/**
 * A ping is put off while both sides hear each other: acknowledgements prove that the peer lives, and it counts the time
 * from the last packet of ours (MQTT 5.0 section 3.1.2.10), which must not be older than this. At most once a second.
 */
const PING_RESCHEDULE_MS = 1_000
const JUST_WRITTEN_MS = 100

const GIVEN_UP: Fate = {
  fate: 'rejected',
  reason: 'the broker ended the connection again and again with this message on its way: it may be too large for it',
}

interface Sent {
  readonly message: Message
  readonly onFate: (fate: Fate, message: Message) => void
}

interface InFlight extends Sent {
  readonly bytes: number
}

export interface MqttSessionOptions {
  readonly terms: SessionTerms
  /** Records why the connection ends; the caller tears it down and reports `over` when it is gone. */
  readonly end: (closed: Closed) => void
  /** What became of subscriptions, as it is now. */
  readonly shortfalls: () => readonly Shortfall[]
}

/**
 * An established MQTT connection. Publishes are encoded and written here, past the library: its publish path clones each
 * packet, keeps it for a resend we must not have, and writes it in six pieces. The library never learns of their ids and
 * ignores their PUBACKs; the successful ones do not even reach it (wire.ts).
 */
export class MqttSession implements Session {
  readonly windowMax: number
  readonly packetBytesMax: number
  readonly batchBytesMax: number
  readonly sessionResumed: boolean
  readonly retainAvailable: boolean
  readonly repliesAvailable: boolean
  readonly #client: MqttClient
  readonly #stream: Duplex
  readonly #options: MqttSessionOptions
  readonly #encoder: PublishEncoder
  readonly #inFlight = new Map<number, InFlight>()
  /** QoS 0, encoded since the last write. */
  #unanswered: Sent[] = []
  #lastId = 0
  #flushDue = false
  #over = false
  #closing: Promise<void> | undefined
  #closed: () => void = () => {}
  #pingedAt = 0
  #wroteAt = 0
  #acknowledged = false
  /** Largest packet with an answer. */
  #answeredBytes = 0
  #suspectAnswered = false
  #mayGiveUp: number
  readonly #flush = () => {
    this.#flushDue = false
    if (!this.#over && this.#closing === undefined) this.#encoder.flush()
  }

  constructor(client: MqttClient, stream: Duplex, options: MqttSessionOptions) {
    const { terms } = options
    this.#client = client
    this.#stream = stream
    this.#options = options
    this.windowMax = terms.windowMax
    this.packetBytesMax = terms.packetBytesMax
    this.batchBytesMax = terms.batchBytesMax
    this.#mayGiveUp = terms.suspect?.count ?? 0
    this.sessionResumed = terms.sessionPresent
    this.retainAvailable = terms.retainAvailable
    this.repliesAvailable = terms.version === 5
    this.#encoder = new PublishEncoder(terms, (chunk) => this.#write(chunk))
  }

  get shortfalls(): readonly Shortfall[] {
    return [...this.#options.terms.shortfalls, ...this.#options.shortfalls()]
  }

  packetBytes(message: Message): number {
    return this.#encoder.sizeOf(message)
  }

  publish<M extends Message>(message: M, onFate: (fate: Fate, message: M) => void): void {
    if (this.#over || this.#closing !== undefined) return
    // Each message goes back only to the function it came with.
    const sent = onFate as Sent['onFate']
    if (this.#mayGiveUp > 0 && this.#isSuspect(message)) {
      this.#mayGiveUp -= 1
      setImmediate(() => {
        if (!this.isClosing) sent(GIVEN_UP, message)
      })
      return
    }
    if (message.qos === 0 || this.#options.terms.qosMax === 0) {
      this.#encoder.add(message, 0)
      this.#unanswered.push({ message, onFate: sent })
    } else {
      const id = this.#nextId()
      this.#inFlight.set(id, { message, onFate: sent, bytes: this.#encoder.add(message, id) })
    }
    if (this.#flushDue) return
    this.#flushDue = true
    process.nextTick(this.#flush)
  }

  oldestInFlight(): Message | undefined {
    for (const { message } of this.#inFlight.values()) return message
    return undefined
  }

  get isClosing(): boolean {
    return this.#over || this.#closing !== undefined
  }

  backlogBytes(): number {
    return this.#stream.writableLength + this.#encoder.pendingBytes
  }

  close(because?: Closed): Promise<void> {
    if (this.#over) return Promise.resolve()
    if (this.#closing) return this.#closing
    this.#options.end(because ?? { reason: 'closed_by_us', detail: 'we ended the connection', hurry: 'soon' })
    this.#encoder.flush()
    const timer = setTimeout(() => this.#stream.destroy(), CLOSE_TIMEOUT_MS)
    this.#closing = new Promise((resolve) => {
      this.#closed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    const farewell = this.#farewell(because)
    if (farewell === undefined) this.#stream.end()
    else this.#stream.end(farewell)
    return this.#closing
  }

  /** After a normal DISCONNECT the server forgets the will, and whoever watches this gateway would take it for connected. */
  #farewell(because: Closed | undefined): Uint8Array | undefined {
    const { hasWill, version } = this.#options.terms
    if (!hasWill || because === undefined || because === STOPPED) return DISCONNECT
    // In MQTT 3.1.1 the server publishes the will when the connection ends without DISCONNECT.
    return version === 5 ? DISCONNECT_WITH_WILL : undefined
  }

  /** The server answered a publish; `code` is 0 in MQTT 3.1.1, `said` its reason string. */
  puback(id: number, code: number, said?: string): void {
    const entry = this.#inFlight.get(id)
    if (entry === undefined) return
    this.#inFlight.delete(id)
    this.#acknowledged = true
    if (entry.bytes > this.#answeredBytes) this.#answeredBytes = entry.bytes
    if (entry.message.topic === this.#options.terms.suspect?.topic) this.#suspectAnswered = true
    entry.onFate(pubackFate(code, said), entry.message)
    if (code === PACKET_ID_IN_USE) {
      const detail = `the broker answered a publish with ${codeName(code)}: the two sides disagree on the session`
      this.#options.end({ reason: 'session_mismatch', detail, hurry: 'soon' })
      this.#stream.destroy()
    }
  }

  /** Called per piece of data: acknowledgements in the one before may make a ping unnecessary for a while. */
  heard(): void {
    if (!this.#acknowledged || this.#closing !== undefined) return
    this.#acknowledged = false
    const now = performance.now()
    if (now - this.#pingedAt < PING_RESCHEDULE_MS || now - this.#wroteAt > JUST_WRITTEN_MS) return
    this.#pingedAt = now
    this.#client.reschedulePing(true)
  }

  /** Messages without an answer. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  get topicAliases(): boolean {
    return this.#options.terms.topicAliasMax > 0
  }

  /** The largest packet without an answer. */
  largestInFlight(): LargePacket | undefined {
    let largest: InFlight | undefined
    for (const entry of this.#inFlight.values()) if (!largest || entry.bytes > largest.bytes) largest = entry
    if (!largest) return undefined
    const { bytes, message } = largest
    return { bytes, fullBytes: this.#encoder.sizeOf(message), topic: message.topic }
  }

  /** Size of the largest packet with an answer, 0 when there is none. */
  get answeredBytes(): number {
    return this.#answeredBytes
  }

  /** The topic on which connections ended was answered. */
  get suspectAnswered(): boolean {
    return this.#suspectAnswered
  }

  #isSuspect(message: Message): boolean {
    const { suspect } = this.#options.terms
    return message.topic === suspect?.topic && this.#encoder.sizeOf(message) >= suspect.bytes
  }

  /** The connection is gone. What was in flight is forgotten: its fate is unknown. */
  over(): void {
    this.#over = true
    this.#inFlight.clear()
    this.#closed()
  }

  #write(chunk: Uint8Array): void {
    this.#wroteAt = performance.now()
    if (this.#unanswered.length === 0) {
      this.#stream.write(chunk)
      return
    }
    const sent = this.#unanswered
    this.#unanswered = []
    this.#stream.write(chunk, (error) => {
      if (error || this.#over || this.#closing !== undefined) return
      const fate = pubackFate(0)
      for (const { message, onFate } of sent) onFate(fate, message)
    })
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === PUBLISH_ID_MAX ? 1 : this.#lastId + 1
    while (this.#inFlight.has(this.#lastId))
    return this.#lastId
  }
}
