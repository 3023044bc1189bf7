import type { Operation } from '../storage/operation.ts'
import type { Page } from './operations.ts'

/** What looking at the outbox asks of the storage thread, as plain data. Each answer is short, whatever the backlog. */

export interface InspectArgs {
  readonly from: number
  readonly through: number
  /** Index in KINDS; absent: all. */
  readonly kind?: number
  readonly recordsMax: number
  readonly bytesMax: number
}

/** The next rows, whoever wants them. */
export function inspectQuestion(args: InspectArgs): Operation<Page> {
  return { op: 'outbox.inspect', args }
}

export interface TallyArgs {
  readonly from: number
  readonly through: number
}

/** The numbers of the next rows, and who wants each (see Audiences). */
export interface Tally {
  readonly seqs: Float64Array
  readonly targets: Float64Array
  /** Everything up to this number was looked at. */
  readonly examined: number
}

export function tallyQuestion(args: TallyArgs): Operation<Tally> {
  return { op: 'outbox.tally', args }
}

export interface BeforeArgs {
  readonly seq: number
  readonly uplink: number
}

/** The row before `seq` that an uplink wants, 0 when none is near. */
export function beforeQuestion(args: BeforeArgs): Operation<number> {
  return { op: 'outbox.before', args }
}

export interface RejectedArgs {
  readonly uplink: number
  readonly after: number
  readonly recordsMax: number
}

export interface RejectedView {
  readonly seq: number
  readonly reason: string
  /** 1: it is to be tried once more. */
  readonly retry: number
  /** Index in KINDS. */
  readonly kind: number
  readonly boot: number
  readonly mono: number
  readonly source: string
  readonly body: string
}

/** Rejected records of one uplink, in order. */
export function rejectedQuestion(args: RejectedArgs): Operation<readonly RejectedView[]> {
  return { op: 'outbox.rejected', args }
}
