import type { Message } from '../transport.ts'
import { FIXED_HEADER_BYTES_MAX, lengthBytes, writeLength } from './bytes.ts'
import { type Head, Heads, type HeadTerms, headBytes, PACKET_ID_BYTES } from './heads.ts'
import { idPropertyBytes, writeIdProperty } from './properties.ts'

/**
 * The MQTT packets that are written once per record, encoded by hand: PUBLISH (MQTT 5.0 section 3.3), PUBACK and PUBREC
 * with success (sections 3.4 and 3.5). Many packets share one chunk and one write to the socket; the library writes each
 * in six pieces.
 */

/** MQTT 5.0 section 1.5.5: the remaining length has four bytes of seven bits. */
export const REMAINING_LENGTH_MAX = 268_435_455
const PUBLISH = 0x30
const QOS_1 = 0x02
const RETAIN = 0x01
/** One write to the socket; larger ones gain nothing and smaller ones cost a system call each. */
const CHUNK_BYTES = 65_536

export interface PublishTerms extends HeadTerms {
  /** False: what should be retained is sent without. */
  readonly retainAvailable: boolean
}

/** Collects PUBLISH packets into chunks. One for each connection. */
export class PublishEncoder {
  readonly #terms: PublishTerms
  readonly #write: (chunk: Uint8Array) => void
  readonly #heads: Heads
  #chunk: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0

  /** `write` takes full chunks, and the rest at `flush`; it owns what it gets. */
  constructor(terms: PublishTerms, write: (chunk: Uint8Array) => void) {
    this.#terms = terms
    this.#write = write
    this.#heads = new Heads(terms)
  }

  /** Bytes collected and not yet written. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** Adds one packet, at QoS 0 when the packet id is 0, else at QoS 1. Returns its size in bytes. */
  add(message: Message, packetId: number): number {
    const { payload } = message
    const payloadBytes = byteLength(payload)
    const idBytes = this.#idBytes(message)
    const head = this.#heads.next(message, payloadBytes + idBytes)
    const remaining = headBytes(head, idBytes) - (packetId === 0 ? PACKET_ID_BYTES : 0) + payloadBytes
    this.#reserve(FIXED_HEADER_BYTES_MAX + remaining)
    const chunk = this.#chunk
    let at = this.#end
    const retain = message.retain && this.#terms.retainAvailable ? RETAIN : 0
    chunk[at++] = PUBLISH | (packetId === 0 ? 0 : QOS_1) | retain
    at = writeLength(chunk, at, remaining)
    if (packetId !== 0 && idBytes === 0) {
      chunk.set(head.bytes, at)
      chunk[at + head.topic.length] = packetId >> 8
      chunk[at + head.topic.length + 1] = packetId & 0xff
      at += head.bytes.length
    } else at = this.#writeHead(at, head, { packetId, id: message.id ?? '', idBytes })
    if (typeof payload !== 'string') chunk.set(payload, at)
    // A string of as many bytes as characters is ASCII, and copied as it is.
    else chunk.write(payload, at, payloadBytes, payload.length === payloadBytes ? 'latin1' : 'utf8')
    const size = at + payloadBytes - this.#end
    this.#end = at + payloadBytes
    return size
  }

  /** Size of the packet that `add` would make at QoS 1 with the topic in full. */
  sizeOf(message: Message): number {
    const remaining = headBytes(this.#heads.full(message), this.#idBytes(message)) + byteLength(message.payload)
    return 1 + lengthBytes(remaining) + remaining
  }

  flush(): void {
    if (this.#end === this.#start) return
    const full = this.#chunk.subarray(this.#start, this.#end)
    this.#start = this.#end
    this.#write(full)
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#chunk.length) return
    this.flush()
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes))
    this.#start = 0
    this.#end = 0
  }

  /** Bytes of the property `id`; 0 without one. */
  #idBytes({ id }: Message): number {
    return id === undefined || this.#terms.version !== 5 ? 0 : idPropertyBytes(id)
  }

  /** The long way: without a packet id, or with the property `id`, which every message has another. */
  #writeHead(offset: number, head: Head, ids: { packetId: number; id: string; idBytes: number }): number {
    const chunk = this.#chunk
    let at = offset
    chunk.set(head.topic, at)
    at += head.topic.length
    if (ids.packetId !== 0) {
      chunk[at++] = ids.packetId >> 8
      chunk[at++] = ids.packetId & 0xff
    }
    if (this.#terms.version !== 5) return at
    at = writeLength(chunk, at, head.properties.length + ids.idBytes)
    chunk.set(head.properties, at)
    at += head.properties.length
    return ids.idBytes === 0 ? at : writeIdProperty(chunk, at, ids.id)
  }
}

/** PUBACK with success: reason code and properties left out, which MQTT 5.0 section 3.4.2.1 allows; so both versions. */
export function pubackPacket(id: number): Uint8Array {
  return Uint8Array.of(0x40, 2, id >> 8, id & 0xff)
}

/** PUBREC with success, likewise (section 3.5.2.1). */
export function pubrecPacket(id: number): Uint8Array {
  return Uint8Array.of(0x50, 2, id >> 8, id & 0xff)
}

function byteLength(payload: string | Uint8Array): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload, 'utf8') : payload.length
}
