import type { MqttSettings } from '../uplink-settings.ts'
import type { LearnedLimits } from './mqtt-terms.ts'
import { OFFLINE } from './surface.ts'
import type { Closed } from './transport.ts'

/** What a session that ended was about. */
export interface Unanswered {
  /** Messages without an answer. */
  readonly inFlight: number
  /** It was allowed to send topics as numbers. */
  readonly topicAliases: boolean
  largestInFlightBytes(): number
}

/** The message that the server publishes when we are gone without a word. */
export interface Will {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly properties?: { readonly contentType: string }
}

/** Reasons for which a lesson is learned here (`fates.ts`). */
const PACKET_TOO_LARGE = 'packet_too_large'
const RETAIN_NOT_SUPPORTED = 'refused_154'
const QOS_NOT_SUPPORTED = 'refused_155'
const RECEIVE_MAXIMUM_EXCEEDED = 'refused_147'
const MALFORMED_OR_WRONG: ReadonlySet<string> = new Set(['refused_129', 'refused_130', 'refused_148'])

/** So many connections in a row ended before SUBACK: the subscription may be to blame, so it waits and the records go first. */
const UNANSWERED_SUBSCRIBES = 2
/** It waits so long the first time, when it may have been chance, and so long after that. */
const FIRST_SUBSCRIBE_DELAY_MS = 180_000
const SUBSCRIBE_DELAY_MS = 1_800_000

/**
 * What a server refused although its limits (if it announced any) allowed it. Kept until the gateway starts again, for a
 * server that refuses what it allows would otherwise hold up everything behind one record.
 */
export class Lessons {
  readonly #settings: Pick<MqttSettings, 'surface' | 'properties'>
  #packetBytesMax: number | undefined
  #windowMax: number | undefined
  #topicAliases = true
  #willRetained = true
  #willQos: 0 | 1 = 1
  #unansweredSubscribes = 0

  constructor(settings: Pick<MqttSettings, 'surface' | 'properties'>) {
    this.#settings = settings
  }

  get limits(): LearnedLimits {
    return { packetBytesMax: this.#packetBytesMax, windowMax: this.#windowMax, topicAliases: this.#topicAliases }
  }

  /** Goes with CONNECT, when the server has not said yet what it can; so it is asked for what it refused no more. */
  will(version: 4 | 5): Will | undefined {
    const { surface, properties } = this.#settings
    if (surface.state === undefined) return undefined
    return {
      topic: surface.state,
      payload: Buffer.from(OFFLINE),
      qos: this.#willQos,
      retain: this.#willRetained,
      ...(properties.contentType && version === 5 ? { properties: { contentType: 'application/json' } } : {}),
    }
  }

  /** How long a new session waits before it subscribes. Some servers end the connection instead of refusing. */
  get subscribeDelayMs(): number {
    if (this.#unansweredSubscribes < UNANSWERED_SUBSCRIBES) return 0
    return this.#unansweredSubscribes === UNANSWERED_SUBSCRIBES ? FIRST_SUBSCRIBE_DELAY_MS : SUBSCRIBE_DELAY_MS
  }

  subscribing(): void {
    this.#unansweredSubscribes += 1
  }

  subscribed(): void {
    this.#unansweredSubscribes = 0
  }

  /** The server refused a connection. Gives the reason, with less of a pause when the next try may well succeed. */
  refused(closed: Closed): Closed {
    const { reason } = closed
    if (this.#settings.surface.state === undefined) return closed
    if (reason === RETAIN_NOT_SUPPORTED && this.#willRetained) this.#willRetained = false
    else if (reason === QOS_NOT_SUPPORTED && this.#willQos === 1) this.#willQos = 0
    else return closed
    return { ...closed, hurry: 'soon' }
  }

  /** A session ended. Gives the reason, with less of a pause when the next session may well go better. */
  ended(closed: Closed, unanswered: Unanswered): Closed {
    const { reason } = closed
    if (reason === PACKET_TOO_LARGE) {
      // Whichever packet was meant, the largest one in flight is at least as large and so too large as well.
      const largest = unanswered.largestInFlightBytes()
      if (largest > 0) this.#packetBytesMax = largest - 1
    } else if (reason === RECEIVE_MAXIMUM_EXCEEDED) {
      this.#windowMax = Math.max(1, Math.floor(unanswered.inFlight / 2))
    } else if (MALFORMED_OR_WRONG.has(reason) && unanswered.topicAliases) {
      this.#topicAliases = false
      return { ...closed, hurry: 'soon' }
    }
    return closed
  }
}
