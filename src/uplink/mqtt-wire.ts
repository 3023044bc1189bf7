import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** PUBACK without flags (MQTT 5.0 section 2.1). */
const PUBACK = 0x40
/** Both mean that the server has taken the message; every other code goes the long way, with its reason string. */
const SUCCESS = 0x00
const NO_MATCHING_SUBSCRIBERS = 0x10
const NOTHING = new Uint8Array(0)
/** Type and remaining length (four bytes at most) of any packet. */
const FIXED_HEADER_BYTES_MAX = 5

/**
 * Takes successful PUBACKs out of a stream of MQTT packets: there is one per record, they have two to four bytes of
 * content, and the library spends more on parsing one than we spend on the record.
 */
export class AckFilter {
  readonly #onAck: (id: number) => void
  /** Bytes of a foreign packet that are still to come. */
  #foreign = 0
  /** The beginning of a packet that is not complete enough to know what it is. */
  #begun: Uint8Array = NOTHING

  constructor(onAck: (id: number) => void) {
    this.#onAck = onAck
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
        this.#foreign = size === 0 ? packetBytes(bytes, at) : 0
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
    this.#onAck(((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
    return 2 + length
  }
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

/** The socket as the library sees it: without the acknowledgements of our publishes. */
export class Wire extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket, onAck: (id: number) => void) {
    super()
    this.#socket = socket
    const filter = new AckFilter(onAck)
    socket.on('data', (piece) => {
      const rest = filter.filter(piece)
      if (rest.length > 0 && !this.push(rest)) socket.pause()
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume()
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
    this.#socket.destroy()
    done(error)
  }
}
