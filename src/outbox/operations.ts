import type { Operation } from '../storage/operation.ts'
import type { Counts } from './account.ts'
import type { Boot } from './boots.ts'
import type { Epoch } from './epochs.ts'
import type { PastRule } from './past-filter.ts'

/**
 * What the outbox asks of the storage thread, as plain data. Columns instead of rows: a structured clone of a few long
 * arrays costs a fraction of one of many small objects.
 */

/** Kinds as stored; the order is the format of the database and never changes. */
export const KINDS = ['data', 'event', 'outcome'] as const

/** Records, one index each. `targets` says who wants each (see Audiences). */
export interface RecordColumns {
  readonly seqs: Float64Array
  readonly kinds: Uint8Array
  readonly boots: Float64Array
  readonly monos: Float64Array
  readonly targets: Float64Array
  /** Age in ms beyond which nobody wants the record late; 0: never. */
  readonly expires: Float64Array
  /** The different sources, and for each record which of them it has. */
  readonly sources: readonly string[]
  readonly sourceOf: Uint32Array
  /** All bodies, one behind the other: one long string crosses the threads as fast as memory is copied. */
  readonly text: string
  /** Length of each body in UTF-16 code units. */
  readonly lengths: Uint32Array
  /** Index and reply (see replyText) of the few records that have one, in order; absent: none has. */
  readonly replies?: readonly (readonly [index: number, reply: string])[]
}

/** The uplinks that do not want the records with the target -audience. */
export interface AudienceRow {
  readonly audience: number
  readonly without: readonly number[]
}

/** An uplink that has no position yet. */
export interface NewUplinkRow {
  readonly uplink: number
  readonly name: string
  readonly past?: PastRule
}

/** The position of one uplink: what it settled. */
export interface CursorRow {
  readonly uplink: number
  readonly ranges: readonly (readonly [number, number])[]
  /** Numbers it does not want (any more), or was absent for, as far as no range covers them. */
  readonly skipped: readonly (readonly [number, number])[]
}

/** What an operator set for one uplink. */
export interface ControlRow {
  readonly uplink: number
  readonly paused: boolean
  /** Closed ranges of seqs that are to be sent again. */
  readonly replay: readonly (readonly [number, number])[]
}

export interface AccountRow {
  readonly uplink: number
  readonly epoch: number
  readonly counts: Readonly<Counts>
}

/** One episode of giving records up, while it lasts (the open page of the loss ledger). */
export interface LossRow {
  readonly uplink: number
  readonly reason: string
  readonly first: number
  readonly last: number
  readonly count: number
  readonly firstBoot: number
  readonly firstMono: number
  readonly lastBoot: number
  readonly lastMono: number
}

export interface RejectedRow {
  readonly uplink: number
  readonly seq: number
  readonly reason: string
  readonly kind: number
  readonly boot: number
  readonly mono: number
  readonly source: string
  readonly body: string
  /** See replyText. */
  readonly reply: string | null
}

/**
 * One snapshot of the outbox: everything issued so far is afterwards either a row or settled by every uplink that wants
 * it. Idempotent.
 */
export interface CommitArgs {
  readonly rows?: RecordColumns
  readonly cursors?: readonly CursorRow[]
  readonly accounts?: readonly AccountRow[]
  readonly losses?: readonly LossRow[]
  /** Episodes that ended, as uplink and reason. */
  readonly closedLosses?: readonly (readonly [uplink: number, reason: string])[]
  readonly rejected?: readonly RejectedRow[]
  /** Rejected records that were delivered after all. */
  readonly retried?: readonly (readonly [uplink: number, seq: number])[]
  readonly controls?: readonly ControlRow[]
  /** Rows to remove: closed ranges of seqs. */
  readonly remove?: readonly (readonly [number, number])[]
  readonly boot?: Readonly<Boot>
  readonly epoch?: Epoch & { readonly clean: boolean; readonly through: number }
  readonly newUplinks?: readonly NewUplinkRow[]
  /** Audiences that are new. */
  readonly audiences?: readonly AudienceRow[]
  /** No row refers to any audience that is stored. */
  readonly forgetAudiences?: boolean
  /** Uplinks that have a new name in the configuration. */
  readonly renamed?: readonly { readonly uplink: number; readonly name: string }[]
  /** Absent uplinks whose claim was given up by hand. */
  readonly forgetUplinks?: readonly number[]
  /** Epochs (by start) and boots below these numbers are needed no more. */
  readonly forget?: Forget
  /** Uplinks that are (no longer) in the configuration, and the newest number they have a claim to. */
  readonly absent?: readonly { readonly uplink: number; readonly wantedThrough: number | null }[]
}

export interface Forget {
  readonly epochsBelow: number
  readonly bootsBelow: number
}

/** For each range of `remove` the next row above it, 0: there is none. Empty while a salvage may bring rows back there. */
export type NextRows = readonly number[]

/** `argsOf` is called whenever the operation is sent. */
export function commitOperation(argsOf: () => CommitArgs, committed: (next: NextRows) => void): Operation<void> {
  return {
    op: 'outbox.commit',
    get args() {
      return argsOf()
    },
    committed: (answer) => committed(answer as NextRows),
  }
}

/** Everything that is needed to go on, none of it depending on the number of rows. */
export interface Loaded {
  readonly epochs: readonly (Epoch & { readonly clean: boolean; readonly through: number })[]
  readonly boots: readonly Boot[]
  readonly uplinks: readonly {
    readonly uplink: number
    readonly name: string
    readonly ranges: readonly (readonly [number, number])[]
    readonly skipped: readonly (readonly [number, number])[]
    readonly wantedThrough: number | null
    readonly paused: boolean
    readonly replay: readonly (readonly [number, number])[]
    /** Rejected records of it wait to be tried once more. */
    readonly hasRetries: boolean
    readonly past?: PastRule
  }[]
  readonly audiences: readonly AudienceRow[]
  readonly accounts: readonly AccountRow[]
  readonly losses: readonly LossRow[]
  /** Lowest seq among the rejected records, 0 when there is none. */
  readonly firstRejected: number
  /** Lowest boot among the oldest rejected records, 0 when there is none. */
  readonly firstRejectedBoot: number
  /** Lowest and highest stored row, 0 when there is none. */
  readonly firstRow: number
  /** Boot of the lowest stored row. */
  readonly firstBoot: number
  readonly lastRow: number
  /** False: positions were lost with a damaged database, so an uplink without one begins with the oldest record. */
  readonly positionsKnown: boolean
}

export function loadQuestion(): Operation<Loaded> {
  return { op: 'outbox.load', args: {} }
}

export interface PageArgs {
  readonly from: number
  readonly through: number
  readonly recordsMax: number
  readonly bytesMax: number
  /** The uplink that reads: rows that it does not want are left out. */
  readonly uplink: number
}

export interface Page extends RecordColumns {
  /** The last seq that was looked at; everything up to it that is not in the page is not wanted or gone. */
  readonly examined: number
}

export function pageQuestion(args: PageArgs): Operation<Page> {
  return { op: 'outbox.page', args }
}

export interface OldestArgs {
  /** Only rows above this seq. */
  readonly after: number
  readonly recordsMax: number
  /** data: outcomes and events are left alone (they outlive data). */
  readonly kinds: 'data' | 'all'
}

export interface SeekArgs {
  /** Unix ms. */
  readonly ts: number
  /** wall - mono in ms of each boot; stamps of a boot that is not named count as too old. */
  readonly offsets: readonly (readonly [boot: number, offsetMs: number])[]
}

/** The first row that is not older than a time: its seq, or 0 when all are. Rows are taken to be in the order of time. */
export function seekQuestion(args: SeekArgs): Operation<number> {
  return { op: 'outbox.seek', args }
}

export interface RetriesArgs {
  readonly uplink: number
  readonly after: number
  readonly recordsMax: number
}

/** Rejected records of an uplink that are to be tried once more, in order. */
export function retriesQuestion(args: RetriesArgs): Operation<RecordColumns> {
  return { op: 'outbox.retries', args }
}

export interface RejectedChoice {
  readonly uplink: number
  readonly seqs: readonly number[] | 'all'
}

/** Marks rejected records to be tried once more; answers how many. */
export function retryOperation(args: RejectedChoice): Operation<number> {
  return { op: 'outbox.retry', args }
}

/** Removes rejected records; answers how many. They stay counted as rejected. */
export function discardOperation(args: RejectedChoice): Operation<number> {
  return { op: 'outbox.discard', args }
}

/** The oldest rows, without their bodies. */
export type OldestRows = Pick<RecordColumns, 'seqs' | 'boots' | 'monos' | 'targets'> & { readonly bytes: number }

export function oldestQuestion(args: OldestArgs): Operation<OldestRows> {
  return { op: 'outbox.oldest', args }
}
