import Database from 'better-sqlite3'
import type { Operation, OperationTable, Results, Storage } from '../../src/storage/operation.ts'

interface Job {
  readonly operations: readonly Operation[]
  readonly resolve: (results: unknown[]) => void
  readonly reject: (error: unknown) => void
}

/** What is on the disk of a test: it outlives any number of `TestStorage`, as a card outlives the agent. */
export function newDisk(schema: readonly string[]): Database.Database {
  const database = new Database(':memory:')
  for (const statement of schema) database.exec(statement)
  return database
}

/**
 * The storage thread in this thread: the same handlers on a real SQLite, jobs in groups, one savepoint each. What waits is
 * committed in the next turn of the event loop, or when the test releases it; `crash` throws away what is not committed,
 * and nothing is ever answered after it.
 */
export class TestStorage implements Storage {
  readonly #database: Database.Database
  readonly #handlers = new Map<string, (args: never) => unknown>()
  readonly #tables: OperationTable
  #waiting: Job[] = []
  #held = false
  #scheduled = false
  #dead = false
  /** Runs every job a second time after its commit, as after a sync that failed though the data was written. */
  readonly #again: boolean
  /** Jobs committed. */
  jobs = 0
  /** Groups committed, one sync each. */
  commits = 0
  /** Thrown by `read` while set. */
  readError: Error | undefined

  constructor(database: Database.Database, tables: OperationTable, options: { readonly again?: boolean } = {}) {
    this.#database = database
    this.#tables = tables
    this.#again = options.again ?? false
  }

  transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>> {
    return new Promise((resolve, reject) => {
      // As on the way to a thread: what cannot be cloned fails here, and later changes by the caller do not count.
      const cloned = operations.map(({ op, args, committed }) => ({
        op,
        args: structuredClone(args),
        ...(committed ? { committed } : {}),
      }))
      this.#waiting.push({ operations: cloned, resolve: (results) => resolve(results as Results<Ops>), reject })
      this.#schedule()
    })
  }

  async read<Result>(question: Operation<Result>): Promise<Result> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (this.#dead) return new Promise(() => {})
    if (this.readError) throw this.readError
    return structuredClone(this.#handler(question.op)(structuredClone(question.args) as never)) as Result
  }

  /** Commits nothing until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#schedule()
  }

  /** Jobs that wait for their commit. */
  get pending(): number {
    return this.#waiting.length
  }

  /** The power goes away. `afterCommit`: what waits was synced just before, but nobody was told. */
  crash(options: { readonly afterCommit?: boolean } = {}): void {
    if (options.afterCommit) this.#commit(this.#waiting)
    this.#dead = true
    this.#waiting = []
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#held || this.#dead || this.#waiting.length === 0) return
      const jobs = this.#waiting
      this.#waiting = []
      const results = this.#commit(jobs)
      for (const [index, job] of jobs.entries()) {
        const result = results[index]
        if (result instanceof Error) job.reject(result)
        else {
          for (const [at, operation] of job.operations.entries()) operation.committed?.(result?.[at])
          job.resolve(result ?? [])
        }
      }
    })
  }

  #commit(jobs: readonly Job[]): (unknown[] | Error)[] {
    const results = this.#group(jobs)
    if (this.#again) this.#group(jobs)
    this.jobs += jobs.length
    this.commits += 1
    return results
  }

  #group(jobs: readonly Job[]): (unknown[] | Error)[] {
    this.#database.exec('BEGIN IMMEDIATE')
    const results = jobs.map((job) => this.#run(job))
    this.#database.exec('COMMIT')
    return results
  }

  #run(job: Job): unknown[] | Error {
    this.#database.exec('SAVEPOINT job')
    try {
      const results = job.operations.map(({ op, args }) => structuredClone(this.#handler(op)(args as never)))
      this.#database.exec('RELEASE job')
      return results
    } catch (error) {
      this.#database.exec('ROLLBACK TO job; RELEASE job')
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  #handler(op: string): (args: never) => unknown {
    let handler = this.#handlers.get(op)
    if (!handler) {
      const prepare = this.#tables[op]
      if (!prepare) throw new Error(`there is no operation "${op}"`)
      handler = prepare(this.#database)
      this.#handlers.set(op, handler)
    }
    return handler
  }
}
