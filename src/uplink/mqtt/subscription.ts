import { messageOf } from '../../errors.ts'
import type { Shortfall } from '../transport.ts'
import { subackShortfall } from './fates.ts'

/** Rights are given by people: asking more often only fills the server's log. */
const AGAIN_AFTER_MS = 180_000

export interface SubscriptionParts {
  /** Sends SUBSCRIBE; resolves with the code of SUBACK. Rejects when there is no answer of that kind. */
  readonly ask: (filter: string) => Promise<number>
  readonly againAfterMs?: number
}

/**
 * The subscription for commands, as long as a connection lives. A server that refuses it still gets the records; it is
 * asked again every few minutes.
 */
export class Subscription {
  readonly #filter: string
  readonly #parts: SubscriptionParts
  #timer: NodeJS.Timeout | undefined
  #over = false
  #shortfall: Shortfall | undefined

  constructor(filter: string, parts: SubscriptionParts) {
    this.#filter = filter
    this.#parts = parts
  }

  get shortfalls(): readonly Shortfall[] {
    return this.#shortfall === undefined ? [] : [this.#shortfall]
  }

  /** Asked for in so many ms only, because the server has ended connections at the question. */
  beginIn(delayMs: number): void {
    this.#shortfall = {
      reason: 'subscribe_cut',
      detail: `the broker ends the connection when we subscribe to ${this.#filter}`,
      hint: 'allow the gateway to subscribe there, or correct commands.subscribe; commands may not come meanwhile',
    }
    this.#timer = setTimeout(() => void this.begin(), delayMs)
  }

  /** Resolves when the server has answered for the first time. */
  async begin(): Promise<void> {
    if (this.#over) return
    this.#shortfall = await this.#asked()
    if (this.#over || this.#shortfall === undefined || this.#shortfall.reason === GRANTED_QOS_0) return
    this.#timer = setTimeout(() => void this.begin(), this.#parts.againAfterMs ?? AGAIN_AFTER_MS)
  }

  /** The connection is gone. */
  over(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }

  async #asked(): Promise<Shortfall | undefined> {
    try {
      const code = await this.#parts.ask(this.#filter)
      if (code >= 0x80) return subackShortfall(code, this.#filter)
      return code === 0 ? onlyOnce(this.#filter) : undefined
    } catch (error) {
      const detail = `the subscription to ${this.#filter} failed: ${messageOf(error)}`
      return { reason: 'subscribe', detail, hint: 'the log of the broker says more; no commands come meanwhile' }
    }
  }
}

const GRANTED_QOS_0 = 'subscribe_qos_0'

function onlyOnce(filter: string): Shortfall {
  return {
    reason: GRANTED_QOS_0,
    detail: `the broker sends what comes on ${filter} at QoS 0 only: a command that is lost on the way is lost`,
    hint: 'allow QoS 1 for this subscription on the broker',
  }
}
