import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { StoredRecord } from '../model.ts'

/** Rejections for the same reason are logged this often; the rejected records themselves tell how many there are. */
const EVERY_MS = 60_000

/** Not a line per record when a whole topic is refused. */
export class RejectionLog {
  readonly #log: Logger
  readonly #clock: Clock
  #last: { readonly reason: string; readonly at: number } | undefined

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  note(record: StoredRecord, reason: string): void {
    const now = this.#clock.mono()
    if (this.#last?.reason === reason && now - this.#last.at < EVERY_MS) return
    this.#last = { reason, at: now }
    this.#log.error(`the server will never take record ${record.idPrefix}${record.seq}: ${reason}`)
  }
}
