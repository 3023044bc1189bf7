import type { Socket } from 'node:net'
import type { MqttClient } from 'mqtt'
import { codeName, PACKET_ID_IN_USE, pubackFate } from './fates.ts'
import { PublishEncoder, REMAINING_LENGTH_MAX } from './mqtt-packets.ts'
import type { Closed, Fate, Message, Session } from './transport.ts'

/** Packet ids of publishes; those above are left to the library, for its SUBSCRIBE. */
export const PUBLISH_ID_MAX = 65_000
/** How long the peer has to follow a DISCONNECT before the socket is torn down. */
const CLOSE_TIMEOUT_MS = 2_000
/** DISCONNECT, normal (MQTT 5.0 section 3.14.2.1 allows leaving out the code 0x00), so good for both versions. */
const DISCONNECT = Uint8Array.of(0xe0, 0)
/** Acknowledgements prove that the peer lives; ping again only when there was none for a while. */
const PING_RESCHEDULE_MS = 1_000

/** What CONNACK said, as far as sending depends on it. */
export interface Terms {
  readonly version: 4 | 5
  readonly receiveMaximum: number | undefined
  readonly maximumPacketSize: number | undefined
  readonly sessionPresent: boolean
}

interface InFlight {
  readonly message: Message
  readonly onFate: (fate: Fate, message: Message) => void
  readonly bytes: number
}

/**
 * An established MQTT connection. Publishes are encoded and written here, past the library: its publish path clones each
 * packet, keeps it for a resend we must not have, and writes it in six pieces. The library never learns of their ids and
 * ignores their PUBACKs; the successful ones do not even reach it (mqtt-wire.ts).
 */
export class MqttSession implements Session {
  readonly windowMax: number
  readonly packetBytesMax: number
  readonly sessionResumed: boolean
  readonly retainAvailable = true
  readonly shortfalls = []
  readonly #client: MqttClient
  readonly #socket: Socket
  readonly #end: (closed: Closed) => void
  readonly #encoder: PublishEncoder
  readonly #inFlight = new Map<number, InFlight>()
  #lastId = 0
  #flushDue = false
  #over = false
  #closing: Promise<void> | undefined
  #closed: () => void = () => {}
  #pingedAt = 0
  #acknowledged = false
  readonly #flush = () => {
    this.#flushDue = false
    if (!this.#over && this.#closing === undefined) this.#encoder.flush()
  }

  /** `end` records why the connection ends; the caller tears it down and reports `over` when it is gone. */
  constructor(client: MqttClient, socket: Socket, options: { terms: Terms; end: (closed: Closed) => void }) {
    const { terms } = options
    this.#client = client
    this.#socket = socket
    this.#end = options.end
    this.windowMax = Math.min(terms.receiveMaximum ?? PUBLISH_ID_MAX, PUBLISH_ID_MAX)
    this.packetBytesMax = Math.min(terms.maximumPacketSize ?? REMAINING_LENGTH_MAX, REMAINING_LENGTH_MAX)
    this.sessionResumed = terms.sessionPresent
    this.#encoder = new PublishEncoder(terms.version, (chunk) => socket.write(chunk))
  }

  packetBytes(message: Message): number {
    return this.#encoder.sizeOf(message.topic, message.payload, message.properties?.contentType)
  }

  publish<M extends Message>(message: M, onFate: (fate: Fate, message: M) => void): void {
    if (this.#over || this.#closing !== undefined) return
    const id = this.#nextId()
    const bytes = this.#encoder.add(message.topic, message.payload, {
      id,
      contentType: message.properties?.contentType,
    })
    // The map holds messages of any kind; each goes back only to the function it came with.
    this.#inFlight.set(id, { message, onFate: onFate as InFlight['onFate'], bytes })
    if (this.#flushDue) return
    this.#flushDue = true
    process.nextTick(this.#flush)
  }

  backlogBytes(): number {
    return this.#socket.writableLength + this.#encoder.pendingBytes
  }

  close(because?: Closed): Promise<void> {
    if (this.#over) return Promise.resolve()
    if (this.#closing) return this.#closing
    this.#end(because ?? { reason: 'closed_by_us', detail: 'we ended the connection', hurry: 'soon' })
    this.#encoder.flush()
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS)
    this.#closing = new Promise((resolve) => {
      this.#closed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#socket.end(DISCONNECT)
    return this.#closing
  }

  /** The server answered a publish; `code` is 0 in MQTT 3.1.1, `said` its reason string. */
  puback(id: number, code: number, said?: string): void {
    const entry = this.#inFlight.get(id)
    if (entry === undefined) return
    this.#inFlight.delete(id)
    this.#acknowledged = true
    entry.onFate(pubackFate(code, said), entry.message)
    if (code === PACKET_ID_IN_USE) {
      const detail = `the server answered a publish with ${codeName(code)}: the two sides disagree on the session`
      this.#end({ reason: 'session_mismatch', detail, hurry: 'soon' })
      this.#socket.destroy()
    }
  }

  /** Called per piece of data: acknowledgements in the one before make a ping unnecessary for a while. */
  heard(): void {
    if (!this.#acknowledged || this.#closing !== undefined) return
    this.#acknowledged = false
    const now = performance.now()
    if (now - this.#pingedAt < PING_RESCHEDULE_MS) return
    this.#pingedAt = now
    this.#client.reschedulePing(true)
  }

  /** Size of the largest packet without an answer, 0 when there is none. */
  largestInFlightBytes(): number {
    let largest = 0
    for (const { bytes } of this.#inFlight.values()) largest = Math.max(largest, bytes)
    return largest
  }

  /** The connection is gone. What was in flight is forgotten: its fate is unknown. */
  over(): void {
    this.#over = true
    this.#inFlight.clear()
    this.#closed()
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === PUBLISH_ID_MAX ? 1 : this.#lastId + 1
    while (this.#inFlight.has(this.#lastId))
    return this.#lastId
  }
}
