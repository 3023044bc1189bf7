import type { StoredRecord } from '../model.ts'
import type { CursorHost } from './cursor-host.ts'
import type { PageRow } from './page-rows.ts'
import type { PastFilter } from './past-filter.ts'
import type { Standing } from './standing.ts'

/** Makes, number by number, what an uplink gets, each with `after` from the one before it. */
export class Chain {
  /** The last record before the place it is at that the uplink wants. */
  previous = 0
  readonly #host: CursorHost
  readonly #standing: Standing
  readonly #past: PastFilter | undefined

  constructor(host: CursorHost, standing: Standing, past?: PastFilter) {
    this.#host = host
    this.#standing = standing
    this.#past = past
  }

  /** The last record before `seq` that the uplink wants, when everything in between was looked at. */
  previousOf(seq: number): number {
    return Math.max(this.previous, this.#standing.ranges.lastBefore(seq))
  }

  /** Everything between `previous` and `seq` was looked at: what is not settled there is gone, skipped or not wanted. */
  closeHoles(seq: number): void {
    const { ranges } = this.#standing
    const settled = ranges.has(seq) ? seq : ranges.lastBefore(seq)
    if (settled <= this.previous || ranges.nextOutside(this.previous + 1) > settled) return
    ranges.add(this.previous + 1, settled)
    this.#standing.changed = true
  }

  /** The record as it is handed out; undefined when it is settled, gone or not wanted, or has grown too old. */
  take(
    content: Omit<PageRow, 'boot'>,
    how: { readonly boot: number; readonly late: boolean },
  ): StoredRecord | undefined {
    const { seq, kind, source, body, mono, target, expires, reply } = content
    const { boot, late } = how
    this.closeHoles(seq)
    if (this.#standing.ranges.has(seq)) {
      this.previous = seq
      return undefined
    }
    if (this.#standing.skipped.has(seq) || this.#host.isGone(seq)) return undefined
    const { idPrefix, ts, clockKnown } = this.#host.describe({ seq, boot, mono })
    if (this.#past?.wants(content, ts) === false) {
      this.#standing.refuse(seq)
      return undefined
    }
    const isOld = expires > 0 && this.#host.ageMs(boot, mono) > expires
    if (isOld && this.#host.expire({ seq, boot, mono, target })) return undefined
    const previous = this.previousOf(seq)
    this.previous = seq
    const record =
      previous === seq - 1
        ? { seq, idPrefix, kind, source, body, boot, mono, ts, clockKnown, late }
        : { seq, idPrefix, kind, source, body, boot, mono, ts, clockKnown, late, after: previous }
    return reply === undefined ? record : { ...record, reply }
  }
}
