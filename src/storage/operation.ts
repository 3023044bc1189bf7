import type { Database } from 'better-sqlite3'

/**
 * The shape of work for the storage thread. Stages build operations as plain data on the main thread; the storage thread
 * alone runs them. Every operation is idempotent: after the death of the thread or a failed sync it is run again.
 */

/** One change or question, as plain structured-cloneable data. `Result` is what the handler answers. */
export interface Operation<Result = unknown> {
  /** `stage.verb`, a key of the stage's OperationTable. */
  readonly op: string
  /** Read whenever it is sent, so a getter may make it then. */
  readonly args: unknown
  /** Called with the answer on the main thread after the sync, before `transact` resolves; it does not travel to the thread. */
  readonly committed?: (answer: unknown) => void
  /** Never set: it carries the type of the answer. */
  readonly result?: Result
}

export type Results<Ops extends readonly Operation[]> = {
  [I in keyof Ops]: Ops[I] extends Operation<infer R> ? R : never
}

/** What a stage may ask of the storage thread. */
export interface Storage {
  /**
   * Runs all operations as one job: one savepoint, all or nothing, together with other waiting jobs in one synced
   * transaction. Resolves after the sync. While the disk is full or failing it stays pending and is tried again; it
   * rejects only for a programming error.
   */
  transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>>
  /** Answers a question outside any transaction of others; sees everything committed before. */
  read<Result>(question: Operation<Result>): Promise<Result>
}

/** name of operation -> (prepared once per connection) -> handler. Only storage/thread.ts calls these. */
export type OperationTable = Readonly<Record<string, (database: Database) => (args: never) => unknown>>
