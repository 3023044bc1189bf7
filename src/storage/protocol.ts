import type { Operation } from './operation.ts'

/** What a storage thread is born with. */
export interface ThreadData {
  readonly file: string
  /** False for a thread that takes over from one that died. */
  readonly first: boolean
}

/** What travels between the main thread and the storage thread. */
export type Request =
  | { readonly type: 'commit'; readonly id: number; readonly jobs: readonly (readonly PlainOperation[])[] }
  | { readonly type: 'read'; readonly id: number; readonly question: PlainOperation }
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
  | { readonly type: 'pong' }
  | { readonly type: 'closed' }

export type JobResult = { readonly results: readonly unknown[] } | { readonly failure: Failure }

export interface Opened {
  /** Path the damaged database was moved to, when it had to be. */
  readonly setAside?: string
  readonly damage?: string
  readonly facts: DiskFacts
}

export interface DiskFacts {
  /** Pages in use times the page size, plus the bound of the write-ahead log. */
  readonly usedBytes: number
  /** What the database file occupies. */
  readonly fileBytes: number
}

export interface Failure {
  /** SQLite's extended code, such as SQLITE_FULL, or `bug` for a programming error. */
  readonly code: string
  readonly message: string
  /** The disk may recover; the same job is tried again. */
  readonly retriable: boolean
}
