import { createHash } from 'node:crypto'
import type { IPublishPacket } from 'mqtt-packet'
import type { Delivery } from '../transport.ts'
import { pubackPacket, pubrecPacket } from './packets.ts'

/** Topics that the server may send us as numbers (MQTT 5.0 section 3.1.2.11.5): those of some dozens of commands. */
export const INBOUND_ALIASES_MAX = 64

interface Unconfirmed {
  readonly id: number
  readonly exactlyOnce: boolean
  confirmed: boolean
}

/**
 * Messages from the server. They are handed over at once and acknowledged when confirmed, in the order they came (MQTT
 * 5.0 section 4.6), however the confirmations come, and only while the connection lives: an id means nothing on another.
 */
export class Inbound {
  readonly #write: (bytes: Uint8Array) => void
  readonly #onDelivery: (delivery: Delivery) => void
  readonly #unconfirmed: Unconfirmed[] = []
  readonly #topics = new Map<number, string>()
  /** Ids of QoS 2 deliveries on their way to `receive`. */
  readonly #exactlyOnce = new Set<number>()
  #over = false

  constructor(write: (bytes: Uint8Array) => void, onDelivery: (delivery: Delivery) => void) {
    this.#write = write
    this.#onDelivery = onDelivery
  }

  /**
   * The next delivery with this id came at QoS 2, though it looks like QoS 1: it is answered with PUBREC when it is durable.
   * The library then answers PUBREL with PUBCOMP. We subscribe at QoS 1, but a session that somebody else began with our
   * client id may have more.
   */
  exactlyOnce(id: number): void {
    this.#exactlyOnce.add(id)
  }

  receive(packet: IPublishPacket): void {
    if (this.#over) return
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const { messageId, properties } = packet
    const topic = this.#topicOf(packet.topic, properties?.topicAlias)
    const common = {
      topic,
      payload,
      retained: packet.retain,
      duplicate: packet.dup,
      userProperties: firstOfEach(properties?.userProperties),
      ...(properties?.responseTopic === undefined ? {} : { responseTopic: properties.responseTopic }),
      ...(properties?.correlationData === undefined ? {} : { correlationData: properties.correlationData }),
      ...(properties?.messageExpiryInterval === undefined
        ? {}
        : { expiresInMs: properties.messageExpiryInterval * 1000 }),
    }
    if (packet.qos === 0 || messageId === undefined) {
      this.#onDelivery({ ...common, confirm() {} })
      return
    }
    const entry: Unconfirmed = { id: messageId, exactlyOnce: this.#exactlyOnce.delete(messageId), confirmed: false }
    this.#unconfirmed.push(entry)
    this.#onDelivery({
      ...common,
      redelivery: fingerprint(messageId, topic, payload),
      confirm: () => this.#confirm(entry),
    })
  }

  /** The connection is gone: confirmations that come now are void, and the server sends those messages again. */
  over(): void {
    this.#over = true
    this.#unconfirmed.length = 0
  }

  /** The library has looked whether the alias is allowed and known, but it gives the packet as it came. */
  #topicOf(topic: string, alias: number | undefined): string {
    if (alias === undefined) return topic
    if (topic === '') return this.#topics.get(alias) ?? ''
    this.#topics.set(alias, topic)
    return topic
  }

  #confirm(entry: Unconfirmed): void {
    entry.confirmed = true
    if (this.#over) return
    const packets: Uint8Array[] = []
    while (this.#unconfirmed[0]?.confirmed) {
      const first = this.#unconfirmed.shift()
      if (first) packets.push(first.exactlyOnce ? pubrecPacket(first.id) : pubackPacket(first.id))
    }
    if (packets.length > 0) this.#write(Buffer.concat(packets))
  }
}

/** Equal for two deliveries of one message: a redelivery keeps packet id and content (MQTT 5.0 section 4.4). */
function fingerprint(id: number, topic: string, payload: Uint8Array): string {
  const hash = createHash('sha1').update(topic).update('\0').update(payload).digest('hex')
  return `${id}|${hash}`
}

/** A property may be there several times (MQTT 5.0 section 3.3.2.3.7); the first one counts. */
function firstOfEach(properties: Readonly<Record<string, string | string[]>> | undefined): Record<string, string> {
  const first: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(properties ?? {})) {
    first[name] = typeof value === 'string' ? value : (value[0] ?? '')
  }
  return first
}
