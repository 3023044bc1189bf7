import type { Clock } from '../clock.ts'
import type { CommandIntakeSettings } from '../uplink-settings.ts'
import type { Delivery, Fate, Message, Shortfall } from './transport.ts'

export type CanarySettings = NonNullable<CommandIntakeSettings['canary']> &
  Pick<CommandIntakeSettings, 'subscribe' | 'key'>

export interface CanaryParts {
  readonly clock: Clock
  /** Sends a message that is no record; `answered` is told what became of it in the end. */
  readonly publish: (message: Message) => void
  /** Gives a number in [0, 1). */
  readonly random: () => number
}

/** Every message of ours begins so; a command, which has no such member, never does. */
const BEGINNING = '{"canary":"'
/** Last-value key: it must not take the place of a command in the queue. */
const KEY = 'canary'

/**
 * Sends a message of our own through the command queue now and then and waits for it. A queue can be switched off, or look
 * for other topics, while the server answers the subscription as always and simply never delivers; and a message that it
 * could not store is acknowledged like any other.
 */
export class Canary {
  readonly #settings: CanarySettings
  readonly #parts: CanaryParts
  /** One object, because it is encoded once. */
  readonly #properties: Pick<Message, 'properties'>
  /** This run of the agent, so that a late one of another run, or of another gateway, is not taken for ours. */
  readonly #run: string
  #isOpen = false
  #count = 0
  #sentAt = 0
  /** The one that is on its way. */
  #awaited: string | undefined
  #problem: Shortfall | undefined

  constructor(settings: CanarySettings, parts: CanaryParts) {
    this.#settings = settings
    this.#parts = parts
    const { key } = settings
    this.#properties = key.from === 'user-property' ? { properties: { user: { [key.name]: KEY } } } : {}
    this.#run = Math.floor(parts.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  }

  open(): void {
    this.#isOpen = true
    this.#problem = undefined
    this.#send()
  }

  /** The session is over: what was on its way says nothing. */
  close(): void {
    this.#isOpen = false
    this.#awaited = undefined
    this.#problem = undefined
  }

  /** Sends the next one when it is time, and judges the one before. */
  look(): void {
    if (!this.#isOpen || this.#parts.clock.mono() - this.#sentAt < this.#settings.everyMs) return
    if (this.#awaited !== undefined) this.#lost()
    this.#send()
  }

  /** True: it was one of ours, which is confirmed here and is no command. */
  receive(delivery: Delivery): boolean {
    if (delivery.topic !== this.#settings.topic) return false
    const payload = Buffer.from(delivery.payload).toString('latin1')
    if (!payload.startsWith(BEGINNING)) return false
    delivery.confirm()
    if (payload === this.#awaited) {
      this.#awaited = undefined
      this.#problem = undefined
    }
    return true
  }

  /** What became of the message itself. */
  answered({ topic }: Message, fate: Fate): void {
    if (topic !== this.#settings.topic || fate.fate === 'accepted' || !this.#isOpen) return
    this.#awaited = undefined
    this.#problem = {
      reason: 'canary_refused',
      detail: `the broker does not take the canary on ${topic}: ${fate.reason}`,
      hint: 'allow the gateway to publish there, or leave out commands.canary; whether commands arrive is not known',
    }
  }

  get shortfall(): Shortfall | undefined {
    return this.#problem
  }

  #lost(): void {
    const { topic, subscribe, everyMs } = this.#settings
    const waited = `${Math.round(everyMs / 1000)} s`
    this.#problem = {
      reason: 'canary_lost',
      detail: `the canary sent to ${topic} did not come back over ${subscribe} within ${waited}: the queue takes no messages or nobody delivers them, so commands may not arrive either`,
      hint: 'see that message queues are enabled on the broker, that the topic filter of the queue matches the canary, and that the key expression finds a key in it',
    }
  }

  #send(): void {
    const payload = `${BEGINNING}${this.#run}-${++this.#count}"}`
    this.#awaited = payload
    this.#sentAt = this.#parts.clock.mono()
    this.#parts.publish({ topic: this.#settings.topic, payload, ...this.#properties })
  }
}
