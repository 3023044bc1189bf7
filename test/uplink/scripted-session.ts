import type { Closed, Fate, Message, Session } from '../../src/uplink/transport.ts'

export interface Sent {
  readonly topic: string
  readonly payload: string
  /** Gives the message its fate. */
  readonly answer: (fate: Fate) => void
}

/** A session that remembers what was published; the test gives the fates. */
export class ScriptedSession implements Session {
  windowMax = Number.POSITIVE_INFINITY
  packetBytesMax = Number.POSITIVE_INFINITY
  batchBytesMax = Number.POSITIVE_INFINITY
  sessionResumed = false
  retainAvailable = true
  repliesAvailable = true
  readonly shortfalls = []
  backlog = 0
  readonly sent: Sent[] = []
  inFlight = 0
  inFlightMax = 0
  closedBecause: Closed | undefined
  /** Answers at the next turn, when set. */
  answers: ((message: Message) => Fate | undefined) | undefined

  packetBytes(message: Message): number {
    return Buffer.byteLength(message.topic) + Buffer.byteLength(message.payload) + 10
  }

  publish<M extends Message>(message: M, onFate: (fate: Fate, message: M) => void): void {
    this.inFlight += 1
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight)
    this.#unanswered.add(message)
    const answer = (fate: Fate) => {
      this.#unanswered.delete(message)
      this.inFlight -= 1
      onFate(fate, message)
    }
    this.sent.push({ topic: message.topic, payload: message.payload.toString(), answer })
    const fate = this.answers?.(message)
    if (fate) setImmediate(answer, fate)
  }

  readonly #unanswered = new Set<Message>()

  oldestInFlight(): Message | undefined {
    for (const message of this.#unanswered) return message
    return undefined
  }

  get isClosing(): boolean {
    return this.closedBecause !== undefined
  }

  backlogBytes(): number {
    return this.backlog
  }

  close(because?: Closed): Promise<void> {
    this.closedBecause ??= because
    return Promise.resolve()
  }

  /** Seqs of the records in the messages sent, per message. */
  seqs(): number[][] {
    return this.sent.map(({ payload }) => seqsIn(payload))
  }
}

/** Seqs of the records in a payload. */
export function seqsIn(payload: string): number[] {
  const parsed = JSON.parse(payload) as { id: string } | { id: string }[]
  return [parsed].flat().map(({ id }) => Number(id.split('/').at(-1)))
}
