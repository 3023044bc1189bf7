/**
 * PUBLIC: what the agent's socket answers below `/api/v1/outbox`, and what the commands `tidegate outbox ...` show and
 * print with `--json`. Times are Unix ms, durations and ages ms, sizes bytes, rates records per second. Names are stable;
 * fields are only added.
 */
import type { RecordKind, StoredRecord } from './model.ts'

/** GET /api/v1/outbox */
export interface OutboxReport {
  readonly gateway: string
  /** The running epoch; without an agent, the one that ran last. */
  readonly epoch: string
  /** False: read from the file, as the agent left it. */
  readonly running: boolean
  /** The newest number issued. */
  readonly head: number
  readonly uplinks: readonly OutboxUplink[]
  /** Uplinks that are not in the configuration and keep a claim to records until they are forgotten by hand. */
  readonly absent: readonly OutboxBooks[]
  /** Records that came in per second, over the last minute at most. */
  readonly inPerSecond?: number
  readonly disk: OutboxDisk
}

/** The books of one uplink, over all epochs that are known (P4). */
export interface OutboxBooks {
  readonly name: string
  /** `issued = delivered + pending + dropped + rejected + notWanted + skipped` */
  readonly issued: number
  readonly delivered: number
  readonly pending: number
  readonly dropped: number
  readonly rejected: number
  readonly notWanted: number
  readonly skipped: number
  /** Sent a second time by hand; no part of the sum. */
  readonly replayed: number
  /** Age of the oldest record that waits. */
  readonly oldestAgeMs?: number
}

export interface OutboxUplink extends OutboxBooks {
  readonly paused: boolean
  /** Absent without an agent. */
  readonly state?: 'connecting' | 'online' | 'offline' | 'stopped'
  readonly sinceMs?: number
  readonly problem?: string
  /** Records that the cloud answered per second, over the last minute at most. */
  readonly outPerSecond?: number
  /** When nothing will wait any more, at the rates of the last minute; absent when nothing waits or more comes in. */
  readonly drainsInMs?: number
}

export interface OutboxDisk {
  readonly file: string
  readonly usedBytes: number
  /** The limits are those of the configuration; absent without an agent. */
  readonly maxBytes?: number
  readonly minFreeBytes?: number
  readonly freeBytes?: number
  /** Records in memory that are not on disk (yet). */
  readonly inMemory?: number
  /** Since the start of the agent. */
  readonly writtenRecords?: number
  /** What the storage thread sent to the disk since the start, as the kernel counts; absent when it does not count. */
  readonly writtenBytes?: number
}

/** Which records. Times are ISO times, ages such as `2h`, or record numbers. */
export interface RecordQuery {
  readonly since?: string
  readonly until?: string
  /** Only numbers above this one. */
  readonly after?: number
  /** Only numbers up to this one. */
  readonly through?: number
  /** Only what waits for this uplink, with `after` and `late` as it would be sent. */
  readonly uplink?: string
  readonly kind?: RecordKind
  /** Delivered records that are still there, too. */
  readonly all?: boolean
  /** Records in the answer at most; 1,000 are the most there are. */
  readonly limit?: number
}

/** A record, and which uplinks have not got it yet. Its text on the wire is made of it by `recordText`. */
export interface ListedRecord extends StoredRecord {
  readonly waitsFor: readonly string[]
}

/** GET /api/v1/outbox/records */
export interface RecordPage {
  readonly records: readonly ListedRecord[]
  /** Numbers that were asked for, as far as they exist. */
  readonly from: number
  readonly through: number
  /** Everything up to this number was looked at; ask for the rest with `after`. Equal to `through` at the end. */
  readonly examined: number
}

/** GET /api/v1/outbox/count */
export interface RecordCount {
  /**
   * What a drop would give up now, counted once however many uplinks want it: records that wait on disk. What is in memory
   * or being sent stays, and is not counted.
   */
  readonly records: number
  /** Numbers of the first and the last of them; 0 when there is none. */
  readonly first: number
  readonly last: number
}

/** One epoch in the books of one uplink, with what waits counted again from the rows. */
export interface VerifiedEpoch {
  readonly uplink: string
  readonly epoch: string
  readonly issued: number
  readonly delivered: number
  /** Counted, not taken from the books. */
  readonly waiting: number
  readonly dropped: number
  readonly rejected: number
  readonly notWanted: number
  readonly skipped: number
  /** `issued` less everything else: 0 when the books are right. */
  readonly missing: number
}

/** The last line of GET /api/v1/outbox/verify; the lines before it are `{"done":N,"of":M}`. */
export interface Verification {
  /** Everything adds up. */
  readonly ok: boolean
  readonly epochs: readonly VerifiedEpoch[]
  /** Rows that were counted, in the database and in memory. */
  readonly rows: number
  readonly head: number
}

export interface RejectedQuery {
  readonly uplink?: string
  readonly after?: number
  readonly limit?: number
}

export interface RejectedRecord {
  readonly uplink: string
  readonly seq: number
  readonly id: string
  readonly ts: number
  readonly kind: RecordKind
  readonly source: string
  readonly reason: string
  /** It is to be sent once more. */
  readonly retry: boolean
  /** The inside of the record's JSON object. */
  readonly body: string
}

/** How far a long answer is. */
export type Progress = (done: number, of: number) => void

/** What can be asked, of the running agent or of its file. Wrong questions are refused with GatewayError('usage'). */
export interface OutboxReader {
  report(): Promise<OutboxReport>
  records(query: RecordQuery): Promise<RecordPage>
  /** Counts what `drop` with the same query would give up. */
  count(query: { readonly before: string; readonly uplink?: string }): Promise<RecordCount>
  verify(onProgress: Progress): Promise<Verification>
  rejected(query: RejectedQuery): Promise<readonly RejectedRecord[]>
}

/** What can be changed; only the running agent does that. */
export interface OutboxWriter {
  pause(uplink: string): Promise<void>
  resume(uplink: string): Promise<void>
  /** Gives up the claim of an uplink that is not in the configuration. */
  forget(uplink: string): Promise<{ readonly records: number }>
  /** Kept records are sent once more, marked late. */
  replay(
    uplink: string,
    span: { readonly since: string; readonly until?: string },
  ): Promise<{ readonly records: number }>
  /** Gives up what waits and is older; entered in the loss ledger with the reason `operator`. */
  drop(query: { readonly before: string; readonly uplink?: string }): Promise<{ readonly records: number }>
  retry(uplink: string, seqs: readonly number[] | 'all'): Promise<{ readonly records: number }>
  discard(uplink: string, seqs: readonly number[] | 'all'): Promise<{ readonly records: number }>
}

export interface OutboxDesk extends OutboxReader, OutboxWriter {
  /** Writes a copy of the database to `file` while the agent goes on. */
  backup(file: string, onProgress: Progress): Promise<void>
  /** Where the agent may keep such a copy for a moment. */
  readonly stateDir: string
}
