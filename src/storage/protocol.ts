import type { Operation } from './operation.ts'

/** What a storage thread is born with. */
export interface ThreadData {
  readonly file: string
  /** False for a thread that takes over from one that died. */
  readonly first: boolean
  /** Nothing is written: for looking at the database of an agent that does not run. */
  readonly readOnly: boolean
  /** Sizes the log and the guard against growing without end; the limit itself is kept by the outbox. */
  readonly maxSizeBytes?: number
  /** What the configuration wants to stay free on the disk. */
  readonly minFreeBytes: number
  readonly watchMs: number
}

/** What travels between the main thread and the storage thread. */
export type Request =
  | {
      readonly type: 'commit'
      readonly id: number
      readonly jobs: readonly (readonly PlainOperation[])[]
      /** The first job stores everything that is known: for a new database in the place of a damaged one. */
      readonly restores: boolean
    }
  /** The commit of this id once more, from the copy that the thread still has. */
  | { readonly type: 'commit_again'; readonly id: number }
  | { readonly type: 'read'; readonly id: number; readonly question: PlainOperation }
  | { readonly type: 'backup'; readonly id: number; readonly file: string }
  | { readonly type: 'ping' }
  | { readonly type: 'close' }

/** An operation without what cannot be cloned. */
export type PlainOperation = Pick<Operation, 'op' | 'args'>

export type Reply =
  | { readonly type: 'opened'; readonly opened: Opened }
  | { readonly type: 'open_failed'; readonly failure: Failure }
  | { readonly type: 'committed'; readonly id: number; readonly jobs: readonly JobResult[]; readonly facts: DiskFacts }
  | { readonly type: 'commit_failed'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'answer_failed'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'backup_progress'; readonly id: number; readonly progress: BackupProgress }
  | { readonly type: 'backup_done'; readonly id: number }
  | { readonly type: 'backup_failed'; readonly id: number; readonly failure: Failure }
  | ({ readonly type: 'set_aside' } & Damage)
  | { readonly type: 'rewritten'; readonly loss: FileLoss }
  | { readonly type: 'rewrite_failed'; readonly failure: Failure }
  | { readonly type: 'pong' }
  | { readonly type: 'closed' }

export type JobResult = { readonly results: readonly unknown[] } | { readonly failure: Failure }

export interface Opened {
  /** Path the damaged database was moved to, when it had to be. */
  readonly setAside?: string
  readonly damage?: string
  /** There was a database file, but no write-ahead log beside it: right only after a clean stop. */
  readonly logMissing: boolean
  /** The write-ahead log is shorter than it was made: right only after a clean stop, or of a copy. */
  readonly logCut: boolean
  /** Why nothing can be written yet; it is tried again. Reading works, from what is there. */
  readonly problem?: Failure
  readonly facts: DiskFacts
}

export interface DiskFacts {
  /** Pages in use times the page size, plus the write-ahead log, which counts for no more than it is cut at. */
  readonly usedBytes: number
  /** What the database file occupies. */
  readonly fileBytes: number
  /** What is free on its file system for us; undefined when the system does not say. */
  readonly freeBytes?: number
  /** Bytes sent to the disk since the start of the agent, by the kernel's count; undefined when it does not count. */
  readonly writtenBytes?: number
  /** The file that is given back when the disk is full; 0 when there is none. */
  readonly ballastBytes: number
}

export interface BackupProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

/** A database that was found damaged while in use. */
export interface Damage {
  /** Where it was moved; a new one is in its place. */
  readonly setAside: string
  readonly damage: string
}

/** What happened to the file of a database that is in use. */
export interface FileLoss {
  readonly what: 'deleted' | 'replaced'
  /** Where the file that stood in its place was moved. */
  readonly aside?: string
}

export interface Failure {
  /** SQLite's extended code such as SQLITE_FULL, the system's such as EROFS, or `bug` for a programming error. */
  readonly code: string
  readonly message: string
  /** The disk may recover; the same job is tried again. */
  readonly retriable: boolean
}
