import { gzip } from 'node:zlib'
import type { MessageProperties } from '../transport.ts'
import type { Outgoing } from './forming.ts'

/** Payloads compressed at a time, in threads of their own: enough to keep the socket busy. */
const AT_ONCE_MAX = 4
/** The fastest level: on a Pi the higher ones cost twice the time for a few per cent. */
const LEVEL = 1

/**
 * Compresses the payloads of readings and gives all messages back in the order in which they came. A payload that does not get
 * smaller stays as it is. Compressed ones have the user property `content-encoding: gzip` (MQTT 5); without it they are
 * known by their first two bytes, 1f 8b (RFC 1952 section 2.3.1).
 */
export class Compression {
  readonly #onReady: () => void
  readonly #marked = new Map<MessageProperties, MessageProperties>()
  #queue: { readonly message: Outgoing; ready: boolean }[] = []

  constructor(onReady: () => void) {
    this.#onReady = onReady
  }

  get isFull(): boolean {
    return this.#queue.length >= AT_ONCE_MAX
  }

  add(message: Outgoing): void {
    // Events and results go as they are: somebody waits for them who may know nothing of compression.
    const entry = { message, ready: message.records[0]?.kind !== 'data' }
    this.#queue.push(entry)
    if (entry.ready) return
    gzip(message.payload, { level: LEVEL }, (error, compressed) => {
      // Without memory for it, it goes as it is.
      if (!error && compressed.length < message.bytes) {
        message.payload = compressed
        message.properties = this.#mark(message.properties)
      }
      entry.ready = true
      this.#onReady()
    })
  }

  /** The next message that is ready. */
  take(): Outgoing | undefined {
    return this.#queue[0]?.ready ? this.#queue.shift()?.message : undefined
  }

  clear(): void {
    this.#queue = []
  }

  #mark(properties: MessageProperties): MessageProperties {
    const known = this.#marked.get(properties)
    if (known) return known
    const marked = { ...properties, user: { ...properties.user, 'content-encoding': 'gzip' } }
    this.#marked.set(properties, marked)
    return marked
  }
}
