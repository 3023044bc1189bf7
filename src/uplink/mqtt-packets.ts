/**
 * The two MQTT packets that are written once per record, encoded by hand: PUBLISH at QoS 1 (MQTT 5.0 section 3.3) and
 * PUBACK with success (section 3.4). Many packets share one chunk and one write to the socket; the library writes each
 * in six pieces.
 */

/** MQTT 5.0 section 1.5.4: strings have a length of two bytes. */
const STRING_BYTES_MAX = 65_535
/** MQTT 5.0 section 1.5.5: the remaining length has four bytes of seven bits. */
export const REMAINING_LENGTH_MAX = 268_435_455
/** Fixed header at most: one byte of type, four of length. */
const FIXED_HEADER_BYTES_MAX = 5
/** QoS 1, not retained, not a duplicate. */
const PUBLISH_QOS_1 = 0x32
const CONTENT_TYPE_PROPERTY = 0x03
/** One write to the socket; larger ones gain nothing and smaller ones cost a system call each. */
const CHUNK_BYTES = 65_536
/** Topics remembered in encoded form. */
const TOPICS_MAX = 4_096

/** Protocol level in the packets. */
export type ProtocolVersion = 4 | 5

/** Everything between the fixed header and the payload, with a hole for the packet id at `idAt`. */
interface Head {
  readonly bytes: Uint8Array
  readonly idAt: number
}

/** Collects PUBLISH packets into chunks. */
export class PublishEncoder {
  readonly #version: ProtocolVersion
  readonly #write: (chunk: Uint8Array) => void
  readonly #heads = new Map<string, Head>()
  #chunk: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0

  /** `write` takes full chunks, and the rest at `flush`; it owns what it gets. */
  constructor(version: ProtocolVersion, write: (chunk: Uint8Array) => void) {
    this.#version = version
    this.#write = write
  }

  /** Bytes collected and not yet written. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** Adds one packet and returns its size in bytes. */
  add(topic: string, payload: string | Uint8Array, options: { id: number; contentType?: string | undefined }): number {
    const head = this.#headOf(topic, options.contentType)
    const payloadBytes = byteLength(payload)
    const remaining = head.bytes.length + payloadBytes
    this.#reserve(FIXED_HEADER_BYTES_MAX + remaining)
    const chunk = this.#chunk
    let at = this.#end
    chunk[at++] = PUBLISH_QOS_1
    at = writeLength(chunk, at, remaining)
    chunk.set(head.bytes, at)
    chunk[at + head.idAt] = options.id >> 8
    chunk[at + head.idAt + 1] = options.id & 0xff
    at += head.bytes.length
    if (typeof payload !== 'string') chunk.set(payload, at)
    // A string of as many bytes as characters is ASCII, and copied as it is.
    else chunk.write(payload, at, payloadBytes, payload.length === payloadBytes ? 'latin1' : 'utf8')
    const size = at + payloadBytes - this.#end
    this.#end = at + payloadBytes
    return size
  }

  /** Size of the packet that `add` would make. */
  sizeOf(topic: string, payload: string | Uint8Array, contentType?: string): number {
    const remaining = this.#headOf(topic, contentType).bytes.length + byteLength(payload)
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

  #headOf(topic: string, contentType: string | undefined): Head {
    const name = contentType === undefined ? topic : `${topic}\0${contentType}`
    const known = this.#heads.get(name)
    if (known) return known
    if (this.#heads.size >= TOPICS_MAX) this.#heads.clear()
    const head = encodeHead(topic, contentType, this.#version)
    this.#heads.set(name, head)
    return head
  }
}

/** PUBACK with success: reason code and properties left out, which MQTT 5.0 section 3.4.2.1 allows; so both versions. */
export function pubackPacket(id: number): Uint8Array {
  return Uint8Array.of(0x40, 2, id >> 8, id & 0xff)
}

function encodeHead(topic: string, contentType: string | undefined, version: ProtocolVersion): Head {
  const topicBytes = encodeString(topic)
  const properties = version === 5 ? encodeProperties(contentType) : new Uint8Array(0)
  const bytes = new Uint8Array(topicBytes.length + 2 + properties.length)
  bytes.set(topicBytes)
  bytes.set(properties, topicBytes.length + 2)
  return { bytes, idAt: topicBytes.length }
}

function encodeProperties(contentType: string | undefined): Uint8Array {
  if (contentType === undefined) return Uint8Array.of(0)
  const value = encodeString(contentType)
  const length = 1 + value.length
  const bytes = new Uint8Array(lengthBytes(length) + length)
  const at = writeLength(bytes, 0, length)
  bytes[at] = CONTENT_TYPE_PROPERTY
  bytes.set(value, at + 1)
  return bytes
}

function encodeString(text: string): Uint8Array {
  const value = Buffer.from(text, 'utf8')
  if (value.length > STRING_BYTES_MAX) {
    throw new RangeError(`encode an MQTT string of ${value.length} bytes, at most ${STRING_BYTES_MAX} are allowed`)
  }
  const bytes = new Uint8Array(2 + value.length)
  bytes[0] = value.length >> 8
  bytes[1] = value.length & 0xff
  bytes.set(value, 2)
  return bytes
}

function byteLength(payload: string | Uint8Array): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload, 'utf8') : payload.length
}

function lengthBytes(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x4000) return 2
  return length < 0x20_0000 ? 3 : 4
}

function writeLength(bytes: Uint8Array, offset: number, length: number): number {
  let at = offset
  let rest = length
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}
