import type { MqttSettings } from '../../uplink-settings.ts'
import { OFFLINE } from '../surface.ts'
import type { Closed } from '../transport.ts'
import { SILENT } from './opening/cuts.ts'
import type { LearnedLimits } from './session-terms.ts'
import { type LargePacket, Sizes } from './sizes.ts'

/** What a session that ended was about. */
export interface Unanswered {
  /** Messages without an answer. */
  readonly inFlight: number
  /** It was allowed to send topics as numbers. */
  readonly topicAliases: boolean
  /** The largest packet without an answer. */
  largestInFlight(): LargePacket | undefined
  /** Size of the largest packet with an answer. */
  readonly answeredBytes: number
  /** The topic on which connections ended was answered. */
  readonly suspectAnswered: boolean
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
/** The same where it was granted before: on a bad link that happens by chance. */
const UNANSWERED_ONCE_GRANTED = 6
/** It waits so long. */
const SUBSCRIBE_DELAY_MS = 180_000

export type LessonSettings = Pick<MqttSettings, 'surface' | 'properties' | 'batch'>

/**
 * What a server refused although its limits (if it announced any) allowed it. Kept until the gateway starts again, for a
 * server that refuses what it allows would otherwise hold up everything behind one record.
 */
export class Lessons {
  readonly #settings: LessonSettings
  readonly #sizes: Sizes
  #packetBytesMax: number | undefined
  #windowMax: number | undefined
  #topicAliases = true
  #willRetained = true
  #willQos: 0 | 1 = 1
  #unansweredSubscribes = 0
  #wasGranted = false

  constructor(settings: LessonSettings) {
    this.#settings = settings
    this.#sizes = new Sizes(settings.batch !== undefined)
  }

  get limits(): LearnedLimits {
    const { batchBytesMax, suspect } = this.#sizes
    return {
      packetBytesMax: this.#packetBytesMax,
      batchBytesMax,
      suspect,
      windowMax: this.#windowMax,
      topicAliases: this.#topicAliases,
    }
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
    const enough = this.#wasGranted ? UNANSWERED_ONCE_GRANTED : UNANSWERED_SUBSCRIBES
    return this.#unansweredSubscribes < enough ? 0 : SUBSCRIBE_DELAY_MS
  }

  subscribing(): void {
    this.#unansweredSubscribes += 1
  }

  /** The server answered. */
  subscribed(isGranted: boolean): void {
    this.#unansweredSubscribes = 0
    this.#wasGranted = isGranted
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

  /** A session begins. */
  opening(now: number): void {
    this.#sizes.opened(now)
  }

  /** A session ended. Gives the reason, with less of a pause when the next session may well go better. */
  ended(closed: Closed, unanswered: Unanswered, now = performance.now()): Closed {
    const { reason } = closed
    const largest = unanswered.largestInFlight()
    const { answeredBytes, suspectAnswered } = unanswered
    const evidence = { silent: SILENT.has(reason), largest, answeredBytes, topicAnswered: suspectAnswered }
    const change = this.#sizes.ended(evidence, now)
    if (change) return this.#bySize(closed, change)
    if (reason === PACKET_TOO_LARGE) {
      // Whichever packet was meant, the largest one in flight is at least as large and so too large as well.
      if (!largest) return closed
      this.#packetBytesMax = largest.bytes - 1
      this.#sizes.refused(largest.bytes, now)
    } else if (reason === RECEIVE_MAXIMUM_EXCEEDED) {
      this.#windowMax = Math.max(1, Math.floor(unanswered.inFlight / 2))
    } else if (MALFORMED_OR_WRONG.has(reason) && unanswered.topicAliases) {
      this.#topicAliases = false
      return { ...closed, hurry: 'soon' }
    }
    return closed
  }

  /** It may have been the size. The next session is another one, so it comes soon. */
  #bySize(closed: Closed, change: 'smaller' | 'without'): Closed {
    const { pauseMinMs: _, ...soon } = closed
    const { batchBytesMax, suspect } = this.#sizes
    const done =
      change === 'smaller'
        ? `messages of several records stay below ${batchBytesMax} bytes from now on`
        : `a message of ${suspect?.bytes} bytes on ${suspect?.topic}, on its way each time, goes to the rejected records, to see whether the others get through`
    return { ...soon, detail: `${closed.detail}; in case something was too large for it, ${done}` }
  }
}
