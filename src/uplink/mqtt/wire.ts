import { Duplex } from 'node:stream'
import { FIXED_HEADER_BYTES_MAX } from './bytes.ts'

/** PUBACK without flags (MQTT 5.0 section 2.1). */
const PUBACK = 0x40
/** Both mean that the server has taken the message; every other code goes the long way, with its reason string. */
const SUCCESS = 0x00
const NO_MATCHING_SUBSCRIBERS = 0x10
/** PUBLISH, and the bits of its QoS (MQTT 5.0 section 3.3.1). */
const PUBLISH = 0x30
const QOS_BITS = 0x06
const QOS_2 = 0x04
const NOTHING = new Uint8Array(0)

export interface WireHandlers {
  /** The server has taken the message with this packet id (code 0x00 or 0x10). */
  onAck(id: number, code: number): void
  /** The delivery with this packet id, which comes next, is at QoS 2. */
  onExactlyOnce(id: number): void
  /** Messages without an answer; absent: the socket cannot stop reading. */
  unanswered?(): number
}

/**
 * Takes successful PUBACKs out of a stream of MQTT packets: there is one per record, they have two to four bytes of
 * content, and the library spends more on parsing one than we spend on the record. And it makes QoS 1 of deliveries at QoS
 * 2, which look the same otherwise: the library would send PUBREC before the command is durable.
 */
export class AckFilter {
  readonly #handlers: WireHandlers
  /** Bytes of a foreign packet that are still to come. */
  #foreign = 0
  /** The beginning of a packet that is not complete enough to know what it is. */
  #begun: Uint8Array = NOTHING

  constructor(handlers: WireHandlers) {
    this.#handlers = handlers
  }

  /** Gives what is left of a piece of the stream, in order; empty when it was acknowledgements only. */
  filter(piece: Uint8Array): Uint8Array {
    const bytes = this.#begun.length === 0 ? piece : Buffer.concat([this.#begun, piece])
    this.#begun = NOTHING
    const rest: Uint8Array[] = []
    let at = 0
    while (at < bytes.length) {
      if (this.#foreign === 0) {
        const size = this.#ack(bytes, at)
        if (size > 0) {
          at += size
          continue
        }
        this.#foreign = size === 0 && this.#isRecognised(bytes, at) ? packetBytes(bytes, at) : 0
        if (this.#foreign === 0) {
          this.#begun = bytes.slice(at)
          break
        }
      }
      const part = Math.min(this.#foreign, bytes.length - at)
      rest.push(bytes.subarray(at, at + part))
      this.#foreign -= part
      at += part
    }
    if (rest.length === 0) return NOTHING
    return rest.length === 1 && rest[0] ? rest[0] : Buffer.concat(rest)
  }

  /** Reports a successful PUBACK at `at` and gives its size; 0 when it is something else, -1 when it is cut off. */
  #ack(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== PUBACK) return 0
    const length = bytes[at + 1]
    if (length === undefined) return -1
    if (length !== 2 && length !== 3 && length !== 4) return 0
    if (at + 2 + length > bytes.length) return -1
    const code = length === 2 ? SUCCESS : bytes[at + 4]
    if (code !== SUCCESS && code !== NO_MATCHING_SUBSCRIBERS) return 0
    this.#handlers.onAck(((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0), code)
    return 2 + length
  }

  /** False: it may be a delivery at QoS 2, and its packet id has not come yet. */
  #isRecognised(bytes: Uint8Array, at: number): boolean {
    const type = bytes[at] ?? 0
    if ((type & 0xf0) !== PUBLISH || (type & QOS_BITS) !== QOS_2) return true
    const size = packetBytes(bytes, at)
    if (size === 0) return false
    if (size === Number.POSITIVE_INFINITY) return true
    const topicAt = at + 1 + lengthBytesAt(bytes, at + 1)
    if (topicAt + 2 > bytes.length) return false
    const idAt = topicAt + 2 + (((bytes[topicAt] ?? 0) << 8) | (bytes[topicAt + 1] ?? 0))
    // Not a packet at all; the parser knows what to say.
    if (idAt + 2 > at + size) return true
    if (idAt + 2 > bytes.length) return false
    bytes[at] = (type & ~QOS_BITS) | (QOS_2 >> 1)
    this.#handlers.onExactlyOnce(((bytes[idAt] ?? 0) << 8) | (bytes[idAt + 1] ?? 0))
    return true
  }
}

/** Bytes of the remaining length that begins at `at` and is complete. */
function lengthBytesAt(bytes: Uint8Array, at: number): number {
  let end = at
  while ((bytes[end] ?? 0) >= 0x80) end += 1
  return end + 1 - at
}

/** Size of the packet that begins at `at`; 0 when its length is cut off. A length that never ends is left to the parser. */
function packetBytes(bytes: Uint8Array, at: number): number {
  let length = 0
  for (let index = 1; index < FIXED_HEADER_BYTES_MAX; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) return 0
    length += (byte & 0x7f) * 128 ** (index - 1)
    if (byte < 0x80) return 1 + index + length
  }
  return Number.POSITIVE_INFINITY
}

/**
 * With so many messages in flight the next acknowledgements may come together. A server sends each by itself, and waking up
 * for every few of them costs us more than all the rest, and the server as much for waking us.
 */
const TOGETHER_FROM = 64
/** For so long nothing is read then: a hundredth of the time in which a window of that size could be used up. */
const TOGETHER_MS = 1

/** The socket as the library sees it: without the acknowledgements of our publishes. */
export class Wire extends Duplex {
  readonly #socket: Duplex
  /** The library has enough to do. */
  #full = false
  #resting: NodeJS.Timeout | undefined

  constructor(socket: Duplex, handlers: WireHandlers) {
    super()
    this.#socket = socket
    const filter = new AckFilter(handlers)
    socket.on('data', (piece) => {
      const rest = filter.filter(piece)
      this.#full = rest.length > 0 && !this.push(rest)
      if (this.#full) socket.pause()
      else if ((handlers.unanswered?.() ?? 0) >= TOGETHER_FROM) this.#rest()
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  #rest(): void {
    if (this.#resting) return
    this.#socket.pause()
    this.#resting = setTimeout(() => {
      this.#resting = undefined
      if (!this.#full) this.#socket.resume()
    }, TOGETHER_MS)
  }

  override _read(): void {
    this.#full = false
    if (!this.#resting && this.#socket.isPaused()) this.#socket.resume()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.writable) this.#socket.write(chunk)
    done()
  }

  /** The library corks each packet, so its pieces come together and none of ours gets between them. */
  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    if (this.#socket.writable) this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)))
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#resting)
    this.#socket.destroy()
    done(error)
  }
}
