import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { backoffMs } from '../retry.ts'
import type { StorageStatus } from '../status.ts'
import { hintFor } from './failure.ts'
import type { Failure } from './protocol.ts'

/** A failing disk is tried again within these pauses; polling and delivery go on from memory meanwhile. */
const RETRY = { minMs: 200, maxMs: 10_000 }
/** Trouble that is over sooner is logged, but nobody else is told. */
const TELL_AFTER_MS = 3_000

export type Problem = NonNullable<StorageStatus['problem']>

/** Told once when storage has failed for some seconds, and once when it writes again after that. */
export type StateChange =
  | { readonly state: 'failing'; readonly problem: Problem }
  | { readonly state: 'ok'; readonly afterMs: number }

/** Whether storage writes, since when not, and when to try again. */
export class Health {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #onState: ((change: StateChange) => void) | undefined
  #problem: Problem | undefined
  #since = 0
  #failures = 0
  #isTold = false
  #tell: NodeJS.Timeout | undefined

  constructor(options: {
    readonly clock: Clock
    readonly log: Logger
    readonly onState?: ((change: StateChange) => void) | undefined
  }) {
    this.#clock = options.clock
    this.#log = options.log
    this.#onState = options.onState
  }

  get problem(): Problem | undefined {
    return this.#problem && { ...this.#problem, sinceMs: this.#clock.mono() - this.#since }
  }

  /** Notes the trouble. Returns the pause before the next try, which grows. */
  failed(failure: Failure): number {
    if (!this.#problem) {
      this.#since = this.#clock.mono()
      this.#log.error(`storage cannot write: ${failure.message}; reading and delivering go on from memory`, {
        code: failure.code,
      })
      this.#tell = setTimeout(() => this.#tellFailing(), TELL_AFTER_MS).unref()
    }
    const hint = hintFor(failure.code)
    this.#problem = { code: failure.code, message: failure.message, sinceMs: 0, ...(hint ? { hint } : {}) }
    const pause = Math.max(RETRY.minMs, backoffMs(this.#failures, RETRY))
    this.#failures += 1
    return pause
  }

  worked(): void {
    if (!this.#problem) return
    const afterMs = this.#clock.mono() - this.#since
    this.#log.info('storage writes again', { after_ms: afterMs })
    this.#problem = undefined
    this.#failures = 0
    clearTimeout(this.#tell)
    if (this.#isTold) this.#onState?.({ state: 'ok', afterMs })
    this.#isTold = false
  }

  stop(): void {
    clearTimeout(this.#tell)
  }

  #tellFailing(): void {
    const { problem } = this
    if (!problem) return
    this.#isTold = true
    this.#onState?.({ state: 'failing', problem })
  }
}
