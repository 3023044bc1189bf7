import type { NewRecord } from '../model.ts'
import type { FilterSettings } from '../uplink-settings.ts'

/** What a filter looks at. */
export type Filtered = Pick<NewRecord, 'kind' | 'source'>

/** Which records one uplink wants (see FilterSettings). */
export class RecordFilter {
  readonly #devices: ReadonlySet<string> | undefined
  readonly #thinToMs: number | undefined
  /** Device -> the period (by its number since 1970) of its last reading that was wanted. A restart may give one more. */
  readonly #periods = new Map<string, number>()

  constructor({ devices, thinToMs }: FilterSettings) {
    this.#devices = devices && new Set(devices)
    this.#thinToMs = thinToMs
  }

  /**
   * To be asked once for each record, in order. `ts` is its time (Unix ms) as known now: when the clock is set, the period
   * changes, and the next reading is wanted.
   */
  wants(record: Filtered, ts: number): boolean {
    if (!this.mayWant(record)) return false
    if (this.#thinToMs === undefined || record.kind !== 'data') return true
    const period = Math.floor(ts / this.#thinToMs)
    if (this.#periods.get(record.source) === period) return false
    this.#periods.set(record.source, period)
    return true
  }

  /** The same, whatever was wanted before. Events of the gateway and what became of commands always are. */
  mayWant({ kind, source }: Filtered): boolean {
    return this.#devices === undefined || kind === 'outcome' || source === '' || this.#devices.has(source)
  }
}
