import type { Clock } from '../../clock.ts'
import type { Logger } from '../../log.ts'
import type { StoredRecord } from '../../model.ts'

/** Rejections for the same reason are logged this often; the rejected records themselves tell how many there are. */
const EVERY_MS = 60_000

/** Reasons remembered. */
const REASONS_MAX = 32

/** Topics remembered that take no answers. */
const TOPICS_MAX = 256

/** Not a line per record when a whole topic is refused. */
export class RejectionLog {
  readonly #log: Logger
  readonly #clock: Clock
  /** When a rejection was logged last, by its reason without figures: sizes and counts differ from record to record. */
  readonly #logged = new Map<string, number>()
  readonly #topics = new Set<string>()

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  note(record: StoredRecord, reason: string): void {
    const now = this.#clock.mono()
    const kind = reason.replace(/\b\d+\b/g, '#')
    if (now - (this.#logged.get(kind) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return
    if (this.#logged.size >= REASONS_MAX) this.#logged.clear()
    this.#logged.set(kind, now)
    const id = `${record.idPrefix}${record.seq}`
    this.#log.error(`the broker will never take record ${id}: ${reason} (all of them: tidegate outbox rejected)`)
  }

  /** The answer to a request was given up; said once per topic. */
  noteReply(topic: string, reason: string): void {
    if (this.#topics.has(topic)) return
    if (this.#topics.size >= TOPICS_MAX) this.#topics.clear()
    this.#topics.add(topic)
    this.#log.warn(`the broker does not take results on the response topic ${topic}: ${reason}`, { topic })
  }
}
