import type { Operation } from '../storage/operation.ts'
import type { RecordColumns } from './operations.ts'

/** What the limits ask of the storage thread. */

export interface OldestSliceArgs {
  /** Rows from this seq on. */
  readonly from: number
  readonly recordsMax: number
  /** data: readings only. expiring: those that are wanted for at most `expiresMax` ms. */
  readonly rows: 'all' | 'data' | 'expiring'
  readonly expiresMax?: number
}

/** Some of the oldest rows, without their bodies; none does not mean that there are none further on. */
export type OldestSlice = Pick<RecordColumns, 'seqs' | 'boots' | 'monos' | 'targets' | 'expires'> & {
  /** Bytes of their texts. */
  readonly bytes: number
  /** The next row behind what was looked at; absent: there is none. */
  readonly next?: number
}

export function oldestSliceQuestion(args: OldestSliceArgs): Operation<OldestSlice> {
  return { op: 'outbox.oldestSlice', args }
}

export interface OthersArgs {
  readonly after: number
  readonly recordsMax: number
}

/** Events and outcomes: how many, and the bytes of their bodies. */
export interface Others {
  readonly count: number
  readonly bytes: number
  /** Go on behind this seq; absent: these were all. */
  readonly last?: number
}

export function othersQuestion(args: OthersArgs): Operation<Others> {
  return { op: 'outbox.others', args }
}
