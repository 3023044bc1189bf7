import { createHash } from 'node:crypto'
import type { IPublishPacket } from 'mqtt-packet'
import { pubackPacket } from './mqtt-packets.ts'
import type { Delivery } from './transport.ts'

interface Unconfirmed {
  readonly id: number
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
  #over = false

  constructor(write: (bytes: Uint8Array) => void, onDelivery: (delivery: Delivery) => void) {
    this.#write = write
    this.#onDelivery = onDelivery
  }

  receive(packet: IPublishPacket): void {
    if (this.#over) return
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const { messageId, properties } = packet
    const expirySeconds = properties?.messageExpiryInterval
    const common = {
      topic: packet.topic,
      payload,
      retained: packet.retain,
      duplicate: packet.dup,
      userProperties: firstOfEach(properties?.userProperties),
      ...(expirySeconds === undefined ? {} : { expiresInMs: expirySeconds * 1000 }),
    }
    if (packet.qos === 0 || messageId === undefined) {
      this.#onDelivery({ ...common, confirm() {} })
      return
    }
    const entry: Unconfirmed = { id: messageId, confirmed: false }
    this.#unconfirmed.push(entry)
    this.#onDelivery({
      ...common,
      redelivery: fingerprint(messageId, packet.topic, payload),
      confirm: () => this.#confirm(entry),
    })
  }

  /** The connection is gone: confirmations that come now are void, and the server sends those messages again. */
  over(): void {
    this.#over = true
    this.#unconfirmed.length = 0
  }

  #confirm(entry: Unconfirmed): void {
    entry.confirmed = true
    if (this.#over) return
    const packets: Uint8Array[] = []
    while (this.#unconfirmed[0]?.confirmed) {
      const first = this.#unconfirmed.shift()
      if (first) packets.push(pubackPacket(first.id))
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
