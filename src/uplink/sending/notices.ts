import type { Message } from '../transport.ts'

/**
 * Messages that are no records (what the gateway tells of itself): only the newest of each topic counts, nothing is stored,
 * and a new session begins with none.
 */
export class Notices {
  readonly #waiting = new Map<string, Message>()
  /** Without an answer; one of a topic at a time, or an older one could come to stay. */
  readonly #inFlight = new Set<string>()

  add(message: Message): void {
    this.#waiting.set(message.topic, message)
  }

  /** The next one to send. */
  take(): Message | undefined {
    for (const [topic, message] of this.#waiting) {
      if (this.#inFlight.has(topic)) continue
      this.#waiting.delete(topic)
      this.#inFlight.add(topic)
      return message
    }
    return undefined
  }

  answered(message: Message): void {
    this.#inFlight.delete(message.topic)
  }

  /** The cloud did not take it now: it is sent again, unless there is a newer one. */
  again(message: Message): void {
    this.#inFlight.delete(message.topic)
    if (!this.#waiting.has(message.topic)) this.#waiting.set(message.topic, message)
  }

  clear(): void {
    this.#waiting.clear()
    this.#inFlight.clear()
  }
}
