import type { FilterSettings } from '../uplink-settings.ts'
import { type Filtered, RecordFilter } from './filter.ts'

/** The filter that an uplink had when it began, for rows that were there before it; `through` is the newest of them. */
export interface PastRule extends FilterSettings {
  readonly through: number
}

/**
 * An uplink with a filter that begins in the past: nobody asked it when the rows were made, so it decides when it comes to
 * them. What it does not want then counts as such from then on, and for good; until then the row waits. It is the filter that
 * it began with, so that a later one touches nothing that is stored (P12).
 */
export class PastFilter {
  readonly rule: PastRule
  readonly #filter: RecordFilter
  #decidedThrough = 0

  constructor(rule: PastRule) {
    this.rule = rule
    this.#filter = new RecordFilter(rule)
  }

  /** To be asked for rows that are pending, in order within a session. */
  wants(row: Filtered & { readonly seq: number }, ts: number): boolean {
    // What was decided against is not pending any more.
    if (row.seq > this.rule.through || row.seq <= this.#decidedThrough) return true
    this.#decidedThrough = row.seq
    return this.#filter.wants(row, ts)
  }

  /** Might it have wanted the row? Nothing is decided by that. */
  mayWant(row: Filtered & { readonly seq: number }): boolean {
    return row.seq > this.rule.through || this.#filter.mayWant(row)
  }
}
