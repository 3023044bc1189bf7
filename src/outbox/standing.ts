import type { StoredRecord } from '../model.ts'
import type { Account, Settlement } from './account.ts'
import type { Audiences } from './audiences.ts'
import { Ranges } from './ranges.ts'

/** Acknowledged ranges per uplink: with more, no new holes are made until old ones close. */
export const RANGES_MAX = 1_024
/** Ranges of numbers without a use are thrown away when there are more. */
const SKIPPED_TIDY = 64

export interface StandingOptions {
  readonly number: number
  readonly name: string
  readonly ranges: Ranges
  readonly skipped?: Ranges
  readonly account: Account
  readonly audiences: Audiences
  readonly wantedThrough?: number | undefined
  /** Last number of earlier epochs. */
  readonly earlierThrough: number
}

/**
 * What one uplink settled (acknowledged ranges), and its books. The end of every range is a record this uplink settled:
 * numbers it does not want, was absent for, or lost to a limit (the ledger tells which) are covered by the record behind
 * them, so that `after` can be told from the ranges alone, also after a restart.
 */
export class Standing {
  readonly number: number
  readonly name: string
  readonly ranges: Ranges
  /** Numbers it does not want (any more), or was absent for, until the record behind them is settled. */
  readonly skipped: Ranges
  readonly account: Account
  /** Absent from the configuration: it keeps its rows up to this number and gets nothing new. */
  wantedThrough: number | undefined
  /** The ranges differ from what is stored. */
  changed = true
  readonly #audiences: Audiences
  readonly #earlierThrough: number
  /** Something of the epochs that are over is not settled. */
  #hasEarlier: boolean

  constructor(options: StandingOptions) {
    this.number = options.number
    this.name = options.name
    this.ranges = options.ranges
    this.skipped = options.skipped ?? new Ranges()
    this.account = options.account
    this.wantedThrough = options.wantedThrough
    this.#audiences = options.audiences
    this.#earlierThrough = options.earlierThrough
    this.#hasEarlier = options.wantedThrough === undefined
  }

  /** Does it want records with this target (see Audiences)? */
  wants(target: number): boolean {
    return target === 0 || this.#audiences.includes(this.number, target)
  }

  /** Is this stored record one that the uplink wants and has not settled? */
  isPending(seq: number, target: number): boolean {
    if (!this.wants(target) || (this.wantedThrough !== undefined && seq > this.wantedThrough)) return false
    return !this.isOver(seq)
  }

  /** It is settled, or the uplink does not want it any more. */
  isOver(seq: number): boolean {
    return this.ranges.has(seq) || this.skipped.has(seq)
  }

  /** The first number from `seq` on that is neither settled nor skipped. */
  nextPending(seq: number): number {
    let pending = this.ranges.nextOutside(seq)
    while (this.skipped.has(pending)) pending = this.ranges.nextOutside(this.skipped.nextOutside(pending))
    return pending
  }

  /** Books an answer, whatever came before it; false when there was one before: it counts once. */
  settle({ seq, after }: StoredRecord, as: Settlement): boolean {
    if (this.ranges.has(seq)) return false
    this.account.add(seq, as)
    this.ranges.add((after ?? seq - 1) + 1, seq)
    this.changed = true
    return true
  }

  /** To be called when some were settled. */
  tidy(): void {
    if (this.skipped.size > SKIPPED_TIDY) this.skipped.forgetThrough(this.ranges.nextOutside(1) - 1)
    if (!this.#hasEarlier || this.nextPending(1) <= this.#earlierThrough) return
    this.#hasEarlier = false
    this.account.skipRest(this.#earlierThrough)
  }

  /** A row from before it existed that it does not want. */
  refuse(seq: number): void {
    this.account.add(seq, 'notWanted')
    this.skipped.add(seq, seq)
    this.changed = true
  }
}
