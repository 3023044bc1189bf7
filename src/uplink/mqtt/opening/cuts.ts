import type { Closed } from '../../transport.ts'

/** So many sessions in a row that a server cut short are no accident. */
const CUTS_SUSPICIOUS = 3
/** A session that lasted longer was no false start. */
const SHORT_MS = 60_000
/** Ends without a word: closed, or reset. */
export const SILENT: ReadonlySet<string> = new Set(['cut', 'tcp', 'cut_again'])
/**
 * After as many cuts as are suspicious there is a pause, which doubles to so much: two gateways with one client id would
 * throw each other out several times a second. Not minutes, for a link that flaps looks the same, and data waits; less
 * where the session got some of it through.
 */
const PAUSE_MIN_MS = 2_000
const PAUSE_MS_MAX = 20_000
const BUSY_PAUSE_MS_MAX = 5_000

/** A session that ended. */
export interface Lasted {
  readonly lastedMs: number
  /** A message was answered in it. */
  readonly isAnswered: boolean
}

/**
 * Sessions that begin well and are cut again and again without a word. MQTT 3.1.1 servers have no other way to say that
 * another client took over our id, or that they do not like what we publish. Reason `cut_again`.
 */
export class Cuts {
  #inARow = 0

  /** A session ended; gives the reason, with the suspicion where there is one. */
  ended(closed: Closed, { lastedMs, isAnswered }: Lasted): Closed {
    if (!SILENT.has(closed.reason) || lastedMs >= SHORT_MS) {
      this.#inARow = 0
      return closed
    }
    this.#inARow += 1
    if (this.#inARow < CUTS_SUSPICIOUS) return closed
    const { hint: _, ...rest } = closed
    const pauseMsMax = isAnswered ? BUSY_PAUSE_MS_MAX : PAUSE_MS_MAX
    return {
      ...rest,
      reason: 'cut_again',
      pauseMinMs: Math.min(pauseMsMax, PAUSE_MIN_MS * 2 ** (this.#inARow - CUTS_SUSPICIOUS)),
      detail: `${closed.detail}, soon after it had taken us in, ${this.#inARow} times in a row`,
    }
  }
}
