import type { Outgoing } from './forming.ts'
import { keptPauseMs } from './kept.ts'
import { type Kept, nextTry, type SenderProblem } from './standstill.ts'

/** Records that may wait for closed topics; with more, the uplink as a whole waits. */
const PARKED_RECORDS_MAX = 10_000
/** The same in payload bytes. */
const PARKED_BYTES_MAX = 8_388_608

interface ClosedTopic {
  because: Kept
  /** What waits, in order. The first one is the probe. */
  waiting: Outgoing[]
  /** The message that finds out whether the topic is open again. */
  probe: Outgoing | undefined
  /** When it is tried again (CLOCK_MONOTONIC, ms); Infinity: with a new session. */
  until: number
  pauses: number
}

/**
 * Topics the cloud takes nothing on for now (a missing permission, as a rule). What is for them waits here while the others
 * go on; after a pause one message is tried, and when it is taken all follow, in order.
 */
export class ClosedTopics {
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

  /**
   * The cloud refused this message for now, and all others of its topic with it. Gives the pause in ms, undefined when nothing
   * new was learnt: refusals of what was in flight with the first.
   */
  refuse(message: Outgoing, because: Kept, now: number): number | undefined {
    const known = this.#closed.get(message.topic)
    const topic = known ?? { because, waiting: [], probe: undefined, until: 0, pauses: 0 }
    this.#closed.set(message.topic, topic)
    const isNews = !known || topic.probe === message
    topic.because = because
    this.#wait(topic, message)
    if (!isNews) return undefined
    topic.probe = undefined
    const { delayMs } = because
    const pauseMs = delayMs === undefined ? Number.POSITIVE_INFINITY : keptPauseMs(delayMs, topic.pauses, this.#random)
    topic.pauses += 1
    topic.until = now + pauseMs
    return pauseMs
  }

  /** The cloud said "not now" without a word about the topic, which is closed: the message waits with the others. */
  returned(message: Outgoing, now: number): boolean {
    const topic = this.#closed.get(message.topic)
    if (!topic) return false
    this.#wait(topic, message)
    this.#rearm(topic, message, now)
    return true
  }

  /** The message was not sent after all, for reasons of its own. */
  gone(message: Outgoing, now: number): void {
    const topic = this.#closed.get(message.topic)
    if (!topic) return
    this.#rearm(topic, message, now)
    if (topic.waiting.length === 0 && !topic.probe) this.#closed.delete(message.topic)
  }

  /** It was the probe: another one is to find out. */
  #rearm(topic: ClosedTopic, message: Outgoing, now: number): void {
    if (topic.probe !== message) return
    topic.probe = undefined
    topic.until = now
  }

  #wait(topic: ClosedTopic, message: Outgoing): void {
    topic.waiting.push(message)
    topic.waiting.sort((a, b) => a.position - b.position)
    this.#count(message, 1)
  }

  /** A message to find out with whether its topic is open again. */
  probe(now: number): Outgoing | undefined {
    for (const topic of this.#closed.values()) {
      if (topic.probe || topic.until > now) continue
      const message = topic.waiting.shift()
      if (!message) continue
      topic.probe = message
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
    if (!topic?.probe) return []
    this.#closed.delete(name)
    for (const message of topic.waiting) this.#count(message, -1)
    return topic.waiting
  }

  /** ms until the next probe is due; undefined when none is. */
  dueInMs(now: number): number | undefined {
    let due = Number.POSITIVE_INFINITY
    for (const topic of this.#closed.values()) if (!topic.probe) due = Math.min(due, topic.until)
    return Number.isFinite(due) ? Math.max(0, due - now) : undefined
  }

  /** Undefined when all topics are open. */
  problem(now: number): SenderProblem | undefined {
    const [first] = this.#closed
    if (!first) return undefined
    const [name, { because, until, probe }] = first
    const others = this.#closed.size > 1 ? ` and ${this.#closed.size - 1} more topics` : ''
    const held = this.isFull ? ', and everything else waits for them' : ''
    const next = nextTry(probe ? 0 : until - now)
    const message = `${because.reason} on ${name}${others}; ${this.#records} records wait${held}, ${next}`
    return { code: 'topic_kept', message, ...(because.hint === undefined ? {} : { hint: because.hint }) }
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
