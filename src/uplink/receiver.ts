import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { IncomingCommand } from '../model.ts'
import type { CommandIntakeSettings } from '../uplink-settings.ts'
import { keyOf } from './command-key.ts'
import type { Closed, Delivery } from './transport.ts'

/** Commands that may wait to be made durable. MQTT 5 servers stop at the Receive Maximum we announce, older ones do not. */
const WAITING_MAX = 1_024
/** The same in payload bytes. */
const WAITING_BYTES_MAX = 8_388_608

export interface ReceiverParts {
  readonly uplink: string
  readonly key: CommandIntakeSettings['key']
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

  constructor(parts: ReceiverParts) {
    this.#parts = parts
  }

  /** Commands that are not durable yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Returns at once. */
  receive(delivery: Delivery): void {
    const bytes = delivery.payload.length
    if (this.#waiting >= WAITING_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      this.#parts.onStuck({
        reason: 'command_flood',
        detail: `${this.#waiting} commands wait to be stored, at most ${WAITING_MAX} may`,
        hurry: 'soon',
      })
      return
    }
    this.#waiting += 1
    this.#waitingBytes += bytes
    this.#parts.accept(this.#commandOf(delivery)).then(
      () => {
        this.#done(bytes)
        delivery.confirm()
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
    this.#parts.onStuck({ reason: 'accept_failed', detail, hurry: 'slow' })
  }

  #done(bytes: number): void {
    this.#waiting -= 1
    this.#waitingBytes -= bytes
  }

  #commandOf(delivery: Delivery): IncomingCommand {
    const { uplink, key } = this.#parts
    return {
      uplink,
      key: keyOf(delivery, key),
      payload: delivery.payload,
      retained: delivery.retained,
      duplicate: delivery.duplicate,
      ...(delivery.redelivery === undefined ? {} : { redelivery: `${uplink}|${delivery.redelivery}` }),
      ...(delivery.expiresInMs === undefined ? {} : { expiresInMs: delivery.expiresInMs }),
    }
  }
}
