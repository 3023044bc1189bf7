import type { Message, MessageProperties } from '../transport.ts'
import { encodeString, FIXED_HEADER_BYTES_MAX, lengthBytes, writeLength } from './bytes.ts'
import { encodeProperties, encodeTopicAlias, TOPIC_ALIAS_BYTES } from './properties.ts'

export const PACKET_ID_BYTES = 2
/** Topics remembered in encoded form, and topics that get an alias. */
const TOPICS_MAX = 4_096
/** With its length; in a shorter topic an alias saves nothing. */
const ALIASED_TOPIC_BYTES_MIN = 8

/** Protocol level in the packets. */
export type ProtocolVersion = 4 | 5

export interface HeadTerms {
  readonly version: ProtocolVersion
  /** Topics the server remembers as numbers (MQTT 5.0 section 3.2.2.3.8); 0: none. */
  readonly topicAliasMax: number
  /** No packet becomes larger by an alias than this. */
  readonly packetBytesMax: number
}

/** What a PUBLISH has between its fixed header and its payload, but for the property `id`. */
export interface Head {
  /** The topic with its length. */
  readonly topic: Uint8Array
  /** The properties without their length. */
  readonly properties: Uint8Array
  /** Both, as they are in a QoS 1 packet, with a hole for the packet id at `topic.length`. */
  readonly bytes: Uint8Array
}

/** The ways one topic can be written with the same properties. */
interface Ways {
  readonly full: Head
  /** With the number instead of the topic; undefined as long as the server does not know it. */
  aliased: Head | undefined
  /** Written before, so it may well come again. */
  used: boolean
}

/** The heads of PUBLISH packets, each encoded once. For one connection: topic aliases end with it. */
export class Heads {
  readonly #terms: HeadTerms
  readonly #aliasesMax: number
  /** Numbers the server knows. */
  readonly #aliases = new Map<string, number>()
  readonly #known = new WeakMap<MessageProperties, Map<string, Ways>>()
  readonly #plain = new Map<string, Ways>()
  /** Those of the properties that came last. */
  #ways = this.#plain
  #properties: MessageProperties | undefined

  constructor(terms: HeadTerms) {
    this.#terms = terms
    this.#aliasesMax = terms.version === 5 ? Math.min(terms.topicAliasMax, TOPICS_MAX) : 0
  }

  /** With the topic in full. */
  full(message: Message): Head {
    if (message.reply) return this.#once(message)
    return this.#waysOf(message).full
  }

  /**
   * The head for the packet that is written next, with `otherBytes` of payload and id. A topic that comes a second time is
   * announced with a number, from then on the number is enough. What is retained is sent in full: such topics come rarely
   * and should not use up numbers.
   */
  next(message: Message, otherBytes: number): Head {
    if (message.reply) return this.#once(message)
    const ways = this.#waysOf(message)
    if (ways.aliased) return ways.aliased
    const { full } = ways
    if (this.#aliasesMax === 0 || message.retain || full.topic.length < ALIASED_TOPIC_BYTES_MIN) return full
    const known = this.#aliases.get(message.topic)
    if (known !== undefined) {
      ways.aliased = this.#withAlias('', full.properties, known)
      return ways.aliased
    }
    const first = !ways.used
    ways.used = true
    if (first || this.#aliases.size >= this.#aliasesMax) return full
    // The length of the properties may take a byte more.
    const added = TOPIC_ALIAS_BYTES + 1
    if (FIXED_HEADER_BYTES_MAX + full.bytes.length + added + otherBytes > this.#terms.packetBytesMax) return full
    const alias = this.#aliases.size + 1
    this.#aliases.set(message.topic, alias)
    return this.#withAlias(message.topic, full.properties, alias)
  }

  /** Topic and properties of an answer are the asker's: remembered, they would displace those of the records. */
  #once({ topic, properties }: Message): Head {
    return this.#encode(topic, encodeProperties(properties))
  }

  #waysOf({ topic, properties }: Message): Ways {
    if (properties !== this.#properties) this.#take(properties)
    const known = this.#ways.get(topic)
    if (known) return known
    if (this.#ways.size >= TOPICS_MAX) this.#ways.clear()
    const ways = { full: this.#encode(topic, encodeProperties(properties)), aliased: undefined, used: false }
    this.#ways.set(topic, ways)
    return ways
  }

  #take(properties: MessageProperties | undefined): void {
    this.#properties = properties
    if (properties === undefined) {
      this.#ways = this.#plain
      return
    }
    this.#ways = this.#known.get(properties) ?? new Map<string, Ways>()
    this.#known.set(properties, this.#ways)
  }

  #withAlias(topic: string, properties: Uint8Array, alias: number): Head {
    return this.#encode(topic, Buffer.concat([properties, encodeTopicAlias(alias)]))
  }

  #encode(topic: string, properties: Uint8Array): Head {
    const topicBytes = encodeString(topic)
    const lengthAt = topicBytes.length + PACKET_ID_BYTES
    if (this.#terms.version !== 5) {
      const bytes = new Uint8Array(lengthAt)
      bytes.set(topicBytes)
      return { topic: topicBytes, properties: new Uint8Array(0), bytes }
    }
    const bytes = new Uint8Array(lengthAt + lengthBytes(properties.length) + properties.length)
    bytes.set(topicBytes)
    bytes.set(properties, writeLength(bytes, lengthAt, properties.length))
    return { topic: topicBytes, properties, bytes }
  }
}

/** Bytes of a head at QoS 1 with so many more of properties. */
export function headBytes({ bytes, properties: { length } }: Head, idBytes: number): number {
  if (idBytes === 0) return bytes.length
  return bytes.length + idBytes + lengthBytes(length + idBytes) - lengthBytes(length)
}
