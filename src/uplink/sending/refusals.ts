import type { Clock } from '../../clock.ts'
import type { Logger } from '../../log.ts'
import { ClosedTopics } from './closed-topics.ts'
import type { Outgoing } from './forming.ts'
import { RejectionLog } from './rejection-log.ts'
import type { Settled } from './settled.ts'
import { type Kept, type SenderProblem, Standstill } from './standstill.ts'

/** Times an answer to who asked is refused for now until it is given up: what it is for may be the only thing that is full. */
const REPLY_TRIES_MAX = 8

export interface RefusalsParts {
  readonly settled: Settled
  readonly clock: Clock
  readonly log: Logger
  /** Gives a number in [0, 1). */
  readonly random: () => number
  /** A batch as batches of one. */
  readonly oneByOne: (message: Outgoing) => readonly Outgoing[]
}

/**
 * What the cloud did not take: for good, for now, or on one topic. Keeps the messages that go a second time, in the order in
 * which they were formed.
 */
export class Refusals {
  readonly #parts: RefusalsParts
  readonly #closed: ClosedTopics
  readonly #standstill: Standstill
  readonly #rejections: RejectionLog
  #again: Outgoing[] = []

  constructor(parts: RefusalsParts) {
    this.#parts = parts
    this.#closed = new ClosedTopics(parts.random)
    this.#standstill = new Standstill(parts.random)
    this.#rejections = new RejectionLog(parts.log, parts.clock)
  }

  get problem(): SenderProblem | undefined {
    const now = this.#parts.clock.mono()
    return this.#standstill.problem(now) ?? this.#closed.problem(now)
  }

  /** So much waits for closed topics that nothing more may be taken. */
  get isFull(): boolean {
    return this.#closed.isFull
  }

  /** ms for which nothing may be sent; 0: none. */
  pauseMs(now: number): number {
    return this.#standstill.leftMs(now)
  }

  /** ms until a closed topic is tried again; undefined when none is closed. */
  dueInMs(now: number): number | undefined {
    return this.#closed.dueInMs(now)
  }

  /** A message that finds out whether its topic is open again. */
  probe(now: number): Outgoing | undefined {
    return this.#closed.probe(now)
  }

  /** The next message that goes a second time. */
  again(): Outgoing | undefined {
    return this.#again.shift()
  }

  /** A message for a closed topic is kept here: true. */
  park(message: Outgoing): boolean {
    return !message.reply && this.#closed.park(message)
  }

  /** The cloud took it. */
  accepted({ topic }: Outgoing): void {
    this.#standstill.taken()
    this.#open(topic)
  }

  /** The cloud will never take it: a batch is tried record by record, so that the answers tell which one was meant. */
  rejected(message: Outgoing, reason: string): void {
    if (!message.reply) this.#open(message.topic)
    if (message.records.length > 1) this.#repeat(this.#parts.oneByOne(message))
    else this.reject(message, reason)
  }

  reject(message: Outgoing, reason: string): void {
    const record = message.records[0]
    if (!record) return
    if (message.reply) {
      this.#rejections.noteReply(message.topic, reason)
      this.#parts.settled.done(record)
      return
    }
    this.#closed.gone(message, this.#parts.clock.mono())
    this.#rejections.note(record, reason)
    this.#parts.settled.refused(record, reason)
  }

  /** Too large to be sent at all. */
  split(message: Outgoing): void {
    this.#closed.gone(message, this.#parts.clock.mono())
    this.#again.unshift(...this.#parts.oneByOne(message))
  }

  /** Not now. */
  kept(message: Outgoing, fate: Kept): void {
    if (message.reply) {
      this.#keptReply(message, fate)
      return
    }
    if (fate.triesMax !== undefined) {
      message.tries += 1
      if (message.tries >= fate.triesMax) {
        this.rejected(message, `${fate.reason}, ${message.tries} times`)
        return
      }
    }
    if (fate.onlyTopic) {
      this.#close(message, fate)
      return
    }
    if (!this.#closed.returned(message, this.#parts.clock.mono())) this.#repeat([message])
    this.pause(fate, message.topic)
  }

  /** Only what is true of all messages is waited for: the record itself must not suffer from where its answer goes. */
  #keptReply(message: Outgoing, fate: Kept): void {
    message.tries += 1
    if (fate.onlyTopic || fate.triesMax !== undefined || message.tries >= REPLY_TRIES_MAX) {
      this.reject(message, fate.reason)
      return
    }
    this.#repeat([message])
    this.pause(fate, message.topic)
  }

  /** Nothing is sent for a while. */
  pause(fate: Kept, topic: string): void {
    const news = this.#standstill.begin(fate, { topic, now: this.#parts.clock.mono() })
    if (news !== undefined) this.#parts.log.warn(news, { topic })
  }

  #close(message: Outgoing, fate: Kept): void {
    const isFirst = this.#closed.size === 0
    const pauseMs = this.#closed.refuse(message, fate, this.#parts.clock.mono())
    if (pauseMs === undefined || !isFirst) return
    const { topic } = message
    this.#parts.log.warn(`the broker does not take records on ${topic} now: ${fate.reason}`, {
      pauseMs: Math.round(pauseMs),
    })
  }

  #open(topic: string): void {
    if (this.#closed.size > 0) this.#repeat(this.#closed.opened(topic))
  }

  #repeat(messages: readonly Outgoing[]): void {
    if (messages.length === 0) return
    this.#again.push(...messages)
    this.#again.sort((a, b) => a.position - b.position)
  }

  /** The session is over: everything comes again from the feed. */
  end(): void {
    this.#again = []
    this.#closed.clear()
    this.#standstill.clear()
  }
}
