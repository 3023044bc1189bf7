import type { Outgoing } from './forming.ts'
import { keptPauseMs } from './kept.ts'

/** Records that may wait for closed topics; with more, the uplink as a whole waits. */
const PARKED_RECORDS_MAX = 10_000
/** The same in payload bytes. */
const PARKED_BYTES_MAX = 8_388_608

interface ClosedTopic {
  reason: string
  /** What waits, in order. The first one is the probe. */
  waiting: Outgoing[]
  probing: boolean
  /** When it is tried again (CLOCK_MONOTONIC, ms); Infinity: with a new session. */
  until: number
  pauses: number
}

/**
 * Topics the cloud takes nothing on for now (a missing permission, as a rule). What is for them waits here while the others
 * go on; after a pause one message is tried, and when it is taken all follow, in order.
 */
export class Routes {
  readonly #closed = new Map<string, ClosedTopic>()
  readonly #random: () => number
  #records = 0
  #bytes = 0

  /** `random` gives a number in [0, 1). */
  constructor(random: () => number) {
    this.#random = random
  }

  /** So much waits that nothing more may be taken. */
  get isFull(): boolean {
    return this.#records >= PARKED_RECORDS_MAX || this.#bytes >= PARKED_BYTES_MAX
  }

  get size(): number {
    return this.#closed.size
  }

  /** A message for a closed topic is kept here: true. */
  park(message: Outgoing): boolean {
    if (this.#closed.size === 0) return false
    const topic = this.#closed.get(message.topic)
    if (!topic) return false
    topic.waiting.push(message)
    this.#count(message, 1)
    return true
  }

  /** The cloud refused this message for now, and all others of its topic with it. Gives the pause in ms. */
  refuse(message: Outgoing, because: { readonly reason: string; readonly delayMs: number | undefined; now: number }) {
    const known = this.#closed.get(message.topic)
    const topic = known ?? { reason: '', waiting: [], probing: false, until: 0, pauses: 0 }
    this.#closed.set(message.topic, topic)
    // Refusals of what was in flight with it say nothing new.
    const isNews = !known || topic.probing
    topic.reason = because.reason
    topic.waiting.push(message)
    topic.waiting.sort((a, b) => a.position - b.position)
    this.#count(message, 1)
    if (!isNews) return undefined
    topic.probing = false
    const { delayMs, now } = because
    const pauseMs = delayMs === undefined ? Number.POSITIVE_INFINITY : keptPauseMs(delayMs, topic.pauses, this.#random)
    topic.pauses += 1
    topic.until = now + pauseMs
    return pauseMs
  }

  /** A message to find out with whether its topic is open again. */
  probe(now: number): Outgoing | undefined {
    for (const topic of this.#closed.values()) {
      if (topic.probing || topic.until > now) continue
      const message = topic.waiting.shift()
      if (!message) continue
      topic.probing = true
      this.#count(message, -1)
      return message
    }
    return undefined
  }

  /** The cloud took, or rejected for good, a message on this topic: gives what waited for it, in order. */
  opened(name: string): readonly Outgoing[] {
    if (this.#closed.size === 0) return []
    const topic = this.#closed.get(name)
    // What was taken on the way into the refusal is no answer to a probe.
    if (!topic?.probing) return []
    this.#closed.delete(name)
    for (const message of topic.waiting) this.#count(message, -1)
    return topic.waiting
  }

  /** ms until the next probe is due; undefined when none is. */
  dueInMs(now: number): number | undefined {
    let due = Number.POSITIVE_INFINITY
    for (const topic of this.#closed.values()) if (!topic.probing) due = Math.min(due, topic.until)
    return Number.isFinite(due) ? Math.max(0, due - now) : undefined
  }

  /** For people; undefined when all topics are open. */
  problem(now: number): string | undefined {
    const [first] = this.#closed
    if (!first) return undefined
    const [name, { reason, until, probing }] = first
    const others = this.#closed.size > 1 ? ` and ${this.#closed.size - 1} more topics` : ''
    const next = probing
      ? 'being tried again'
      : Number.isFinite(until)
        ? `next try in ${Math.max(1, Math.round((until - now) / 1_000))} s`
        : 'next try with a new session'
    const held = this.isFull ? ', and everything else waits for them' : ''
    return `${reason} on ${name}${others}; ${this.#records} records wait${held}, ${next}`
  }

  clear(): void {
    this.#closed.clear()
    this.#records = 0
    this.#bytes = 0
  }

  #count(message: Outgoing, sign: 1 | -1): void {
    this.#records += sign * message.records.length
    this.#bytes += sign * message.bytes
  }
}
