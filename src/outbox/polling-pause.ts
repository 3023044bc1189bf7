import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { SizeLimit } from './disk-room.ts'
import { pollingPausedRecord, pollingResumedRecord } from './events.ts'
import type { Outbox } from './outbox.ts'

/** The part of the limit at which polling pauses: the rest is for events and outcomes, so that the limit itself holds. */
export const PAUSE_AT = 0.95
/** Polling goes on below this part, so that it does not stop again with the next commit. */
const RESUME_BELOW = 0.9

/** Stops the polling instead of giving readings up (when_full: pause_polling). */
export class PollingPause {
  /** Called when the outbox is full, and when it has room again. */
  onFull: ((full: boolean) => void) | undefined
  readonly #outbox: Outbox
  readonly #clock: Clock
  readonly #log: Logger
  /** CLOCK_MONOTONIC in ms. */
  #fullSince: number | undefined

  constructor(outbox: Outbox, options: { readonly clock: Clock; readonly log: Logger }) {
    this.#outbox = outbox
    this.#clock = options.clock
    this.#log = options.log
  }

  /** There is no room for more readings. */
  get isFull(): boolean {
    return this.#fullSince !== undefined
  }

  /** Would `update` change anything? */
  isDue(usedBytes: number, limit: SizeLimit): boolean {
    return this.isFull ? usedBytes < limit.bytes * RESUME_BELOW : usedBytes >= limit.bytes * PAUSE_AT
  }

  update(usedBytes: number, limit: SizeLimit): void {
    if (!this.isDue(usedBytes, limit)) return
    const now = this.#clock.mono()
    if (this.#fullSince === undefined) {
      this.#fullSince = now
      const facts = { reason: limit.reason, used: usedBytes, limit: limit.bytes }
      this.#log.error('the outbox is full, polling is paused until there is room', facts)
      this.#outbox.append([pollingPausedRecord(facts, now)])
    } else {
      const pausedMs = Math.round(now - this.#fullSince)
      this.#fullSince = undefined
      this.#log.info('the outbox has room again, polling goes on', { pausedMs })
      this.#outbox.append([pollingResumedRecord(pausedMs, now)])
    }
    this.onFull?.(this.isFull)
  }
}
