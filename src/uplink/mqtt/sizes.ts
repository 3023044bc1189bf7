export interface LargePacket {
  /** As it was sent. */
  readonly bytes: number
  /** With the topic in full, also where a number was sent for it: the same in every session. */
  readonly fullBytes: number
  readonly topic: string
}

/** How a session ended that may have ended over the size of a packet. */
export interface SizeEvidence {
  /** The server ended it without a word. */
  readonly silent: boolean
  /** The largest packet without an answer; absent: all had one. */
  readonly largest: LargePacket | undefined
  /** The largest packet that was answered; 0: none was. */
  readonly answeredBytes: number
  /** The suspect's topic was answered, so it is allowed. */
  readonly topicAnswered: boolean
}

/** What is given up instead of sent: at most `count` messages on this topic that are as large. */
export interface Suspect {
  readonly topic: string
  /** With the topic in full. */
  readonly bytes: number
  /** 0: nothing is given up, it is only watched whether the topic is answered. */
  readonly count: number
}

/** So many sessions in a row that ended alike are no accident. */
const VAIN_SESSIONS = 3
/** So many messages are given up without any sign that it helps: what ended the sessions was something else. */
const GUESSES = 3
/** As many messages of one topic are given up in a session at most, however often it helped. */
const COUNT_MAX = 1_024
/** After this time larger batches are tried again, and after vain guesses one more. */
const FORGET_MS = 3_600_000

/**
 * Learns from servers that end the connection over a packet that is too large for them and do not say so (all of MQTT
 * 3.1.1). A session was in vain when its largest packet had no answer, nor any as large. What several records share is halved
 * then: that harms nothing. A packet with a single record is given up only after the same one was there at the end of three
 * sessions, and only one as an experiment: a topic that is not allowed looks the same, and must not cost a whole backlog.
 * When the topic is answered without it, it was the size: twice as many may go the next time.
 */
export class Sizes {
  #batchBytesMax: number
  #vain = 0
  /** What was the largest without an answer at the end of the last sessions, and of how many. */
  #largest: LargePacket = { topic: '', bytes: 0, fullBytes: 0 }
  #same = 0
  #experiment: Suspect | undefined
  /** Messages to give up the next time. */
  #count = 1
  #guesses = 0
  #learnedAt = Number.NEGATIVE_INFINITY

  /** `batches`: messages may hold several records. */
  constructor(batches: boolean) {
    this.#batchBytesMax = batches ? Number.POSITIVE_INFINITY : 0
  }

  /** What messages of several records should stay below; undefined: nothing is known. */
  get batchBytesMax(): number | undefined {
    return Number.isFinite(this.#batchBytesMax) && this.#batchBytesMax > 0 ? this.#batchBytesMax : undefined
  }

  /** What the next session watches: with a count of 0 it only finds out whether the topic is allowed. */
  get suspect(): Suspect | undefined {
    return this.#experiment ?? (this.#same === 0 ? undefined : suspectOf(this.#largest, 0))
  }

  /** A session begins. */
  opened(now: number): void {
    if (now - this.#learnedAt < FORGET_MS) return
    if (this.#batchBytesMax > 0) this.#batchBytesMax = Number.POSITIVE_INFINITY
    this.#count = 1
    this.#guesses = Math.min(this.#guesses, GUESSES - 1)
  }

  /** The server said that the packet was too large: half of it may hold several records. */
  refused(bytes: number, now: number): void {
    if (bytes > this.#batchBytesMax) return
    this.#batchBytesMax = Math.floor(bytes / 2)
    this.#learnedAt = now
  }

  /** A session ended; gives what changes with the next one. */
  ended(evidence: SizeEvidence, now: number): 'smaller' | 'without' | undefined {
    const { silent, largest, answeredBytes } = evidence
    this.#noteExperiment(evidence)
    if (!silent || !largest || largest.bytes <= answeredBytes) {
      this.#vain = 0
      this.#same = 0
      return undefined
    }
    const { fullBytes, topic } = this.#largest
    const isSame = largest.fullBytes === fullBytes && largest.topic === topic
    this.#same = isSame ? this.#same + 1 : 1
    this.#largest = largest
    this.#vain += 1
    if (this.#vain < VAIN_SESSIONS) return undefined
    if (largest.bytes <= this.#batchBytesMax) {
      this.refused(largest.bytes, now)
      this.#same = 0
      return 'smaller'
    }
    if (this.#same < VAIN_SESSIONS || this.#guesses >= GUESSES) return undefined
    this.#experiment = suspectOf(largest, this.#count)
    this.#same = 0
    this.#learnedAt = now
    return 'without'
  }

  #noteExperiment({ topicAnswered }: SizeEvidence): void {
    if (topicAnswered) this.#guesses = 0
    else if (this.#experiment) this.#guesses += 1
    if (topicAnswered && this.#experiment) this.#count = Math.min(COUNT_MAX, 2 * this.#count)
    this.#experiment = undefined
  }
}

function suspectOf({ topic, fullBytes }: LargePacket, count: number): Suspect {
  return { topic, bytes: fullBytes, count }
}
