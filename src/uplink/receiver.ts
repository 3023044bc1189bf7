import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { IncomingCommand, Reply } from '../model.ts'
import type { CommandIntakeSettings } from '../uplink-settings.ts'
import { keyOf } from './command-key.ts'
import { present } from './present.ts'
import { unusableBecause } from './response-topic.ts'
import type { Closed, Delivery } from './transport.ts'

/** Commands that may wait to be made durable. MQTT 5 servers stop at the Receive Maximum we announce, older ones do not. */
const WAITING_MAX = 1_024
/** The same in payload bytes. */
const WAITING_BYTES_MAX = 8_388_608
/**
 * Of a longer payload only the beginning is handed over: nobody takes such a command, but whoever refuses it also answers
 * it. MQTT 3.1.1 servers cannot be told how much we take.
 */
const COMMAND_BYTES_MAX = 262_144

export interface ReceiverParts {
  readonly uplink: string
  readonly intake: Pick<CommandIntakeSettings, 'key' | 'subscribe' | 'everyGateway'>
  /** Filters of what the gateway publishes, where no answer to a command goes. */
  readonly own: readonly string[]
  /** Resolves when the command is durable; rejects only for a programming error. */
  readonly accept: (command: IncomingCommand) => Promise<void>
  readonly log: Logger
  /** The session cannot go on; unconfirmed deliveries come again with the next one. */
  readonly onStuck: (because: Closed) => void
}

/**
 * Turns deliveries into commands and confirms each when it is durable, never before (P1), and never with a refusal: a
 * server would send a refused message again at once.
 */
export class Receiver {
  readonly #parts: ReceiverParts
  #waiting = 0
  #waitingBytes = 0
  #isStuck = false

  constructor(parts: ReceiverParts) {
    this.#parts = parts
  }

  /** Commands that are not durable yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** A new session begins; what the last one left unconfirmed comes again, in order. */
  begin(): void {
    this.#isStuck = false
  }

  /**
   * Returns at once. Once the session cannot go on, nothing more of it is taken: the command that was not taken comes again
   * with the next one, and would be an older one after a newer (P8).
   */
  receive(delivery: Delivery): void {
    if (this.#isStuck) return
    const command = this.#commandOf(delivery)
    const bytes = command.payload.length + (delivery.correlationData?.length ?? 0)
    if (this.#waiting >= WAITING_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      this.#stuck({
        reason: 'command_flood',
        detail: `${this.#waiting} commands of ${this.#waitingBytes} bytes wait to be stored, at most ${WAITING_MAX} of ${WAITING_BYTES_MAX} bytes may`,
        hurry: 'soon',
      })
      return
    }
    this.#waiting += 1
    this.#waitingBytes += bytes
    // Not the delivery, whose payload may be a long one.
    const { confirm } = delivery
    this.#parts.accept(command).then(
      () => {
        this.#done(bytes)
        confirm()
      },
      (error: unknown) => {
        this.#done(bytes)
        this.#refused(error)
      },
    )
  }

  /** A command that makes us stumble must not stop polling, and a restart would only bring it back. */
  #refused(error: unknown): void {
    const detail = `storing a command failed: ${messageOf(error)}`
    this.#parts.log.error(detail, { stack: error instanceof Error ? error.stack : undefined })
    this.#stuck({ reason: 'accept_failed', detail, hurry: 'slow' })
  }

  #stuck(because: Closed): void {
    this.#isStuck = true
    this.#parts.onStuck(because)
  }

  #done(bytes: number): void {
    this.#waiting -= 1
    this.#waitingBytes -= bytes
  }

  #commandOf(delivered: Delivery): IncomingCommand {
    const payloadBytes = delivered.payload.length
    const isLong = payloadBytes > COMMAND_BYTES_MAX
    // A copy, so that the rest can be forgotten.
    const payload = isLong ? Uint8Array.from(delivered.payload.subarray(0, COMMAND_BYTES_MAX)) : delivered.payload
    const delivery = { ...delivered, payload }
    const { uplink, intake } = this.#parts
    return {
      uplink,
      key: keyOf(delivery, intake.key),
      payload,
      ...(isLong ? { payloadBytes } : {}),
      retained: delivery.retained,
      duplicate: delivery.duplicate,
      ...(delivery.redelivery === undefined ? {} : { redelivery: `${uplink}|${delivery.redelivery}` }),
      ...(delivery.expiresInMs === undefined ? {} : { expiresInMs: delivery.expiresInMs }),
      ...present('reply', this.#replyOf(delivery)),
    }
  }

  /** An unusable response topic is no reason to refuse the command: the outcome goes to its usual topic. */
  #replyOf(delivery: Delivery): Reply | undefined {
    const { responseTopic, correlationData } = delivery
    if (responseTopic === undefined) return undefined
    const { intake, own } = this.#parts
    const commands = [intake.subscribe, intake.everyGateway ?? []].flat()
    const why = unusableBecause(responseTopic, { delivery, commands, own })
    if (why !== undefined) {
      this.#parts.log.debug(`the response topic of a command is ignored: ${why}`, { topic: responseTopic })
      return undefined
    }
    const correlation = correlationData && Buffer.from(correlationData).toString('base64')
    return { topic: responseTopic, ...present('correlation', correlation) }
  }
}
