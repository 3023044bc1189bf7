import Database from 'better-sqlite3'
import { outboxOperations, outboxSchema } from '../../src/outbox/sql.ts'
import type { Operation, Results, Storage } from '../../src/storage/operation.ts'
import { salvageSchema } from '../../src/storage/salvage/schema.ts'

interface Job {
  readonly operations: readonly Operation[]
  readonly resolve: (results: unknown[]) => void
  readonly reject: (error: unknown) => void
}

interface Question {
  readonly question: Operation
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

/** One message on its way to the thread or back. */
type Letter =
  | { readonly type: 'commit'; readonly jobs: readonly Job[] }
  | { readonly type: 'read'; readonly question: Question }

type Answer = { readonly run: () => void }

/**
 * What the disk does with commits: `full` takes none until it is `ok` again; `unsynced` writes each, says that the sync
 * failed, and is run again, as after a crash of the thread between the sync and its answer.
 */
export type DiskMood = 'ok' | 'full' | 'unsynced'

type Handler = (args: never) => unknown

/** A life after the other works on one disk; preparing the same statements for each would take most of the time. */
const prepared = new WeakMap<Database.Database, Map<string, Handler>>()

/** What is on the disk of a test: it outlives any number of `HeldStorage`, as a card outlives the agent. */
export function newOutboxDisk(): Database.Database {
  const database = new Database(':memory:')
  for (const statement of [...outboxSchema, ...salvageSchema]) database.exec(statement)
  return database
}

/** Makes a disk as good as new, which is ten times as fast as a new one: its statements stay prepared. */
export function emptyDisk(database: Database.Database): void {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  for (const table of tables) database.exec(`DELETE FROM "${table}"`)
}

/**
 * The storage thread without the thread: the same handlers on a real SQLite, the same order of messages, at most one
 * commit on the way. In manual mode the test decides when the thread works (`work`), and when what it answered arrives
 * (`arrive`), so that everything the main thread can do in between is tried. What the thread has worked off is durable.
 */
export class HeldStorage implements Storage {
  readonly #database: Database.Database
  readonly #handlers: Map<string, Handler>
  readonly #manual: boolean
  #waiting: Job[] = []
  #committing: readonly Job[] | undefined
  #questions = new Set<Question>()
  #letters: Letter[] = []
  #answers: Answer[] = []
  #dead = false
  #scheduled = false
  #holding = false
  /** Thrown by every read while set. */
  readError: Error | undefined
  commits = 0
  rowsWritten = 0
  mood: DiskMood = 'ok'
  /** Commits that the disk did not take, or that it had to be told twice. */
  troubles = 0
  /** Called after each commit that the thread made. */
  onWorked: (() => void) | undefined

  constructor(database: Database.Database, options: { readonly manual?: boolean } = {}) {
    this.#database = database
    this.#manual = options.manual ?? false
    const handlers = prepared.get(database) ?? new Map<string, Handler>()
    prepared.set(database, handlers)
    this.#handlers = handlers
  }

  transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>> {
    return new Promise((resolve, reject) => {
      // As on the way to a thread: later changes by the caller do not count.
      const cloned = operations.map((operation) => ({ ...operation, args: structuredClone(operation.args) }))
      this.#waiting.push({ operations: cloned, resolve: (results) => resolve(results as Results<Ops>), reject })
      this.#pump()
    })
  }

  read<Result>(question: Operation<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiting = { question, resolve: (answer: unknown) => resolve(answer as Result), reject }
      this.#questions.add(waiting)
      this.#send({ type: 'read', question: waiting })
    })
  }

  /** Nothing is worked off until `release`: a disk that does not answer. */
  hold(): void {
    this.#holding = true
  }

  release(): void {
    this.#holding = false
    this.#schedule()
  }

  /** Is a commit on its way? */
  get isCommitting(): boolean {
    return this.#committing !== undefined
  }

  /** Manual: the thread works off the next `count` messages. */
  work(count = Number.POSITIVE_INFINITY): void {
    for (let left = Math.min(count, this.#letters.length); left > 0 && !this.#dead; left -= 1) {
      const letter = this.#letters.shift()
      if (!letter) return
      if (letter.type === 'read') this.#answers.push(this.#answer(letter.question))
      else this.#workOff(letter)
    }
  }

  #workOff(letter: Letter & { readonly type: 'commit' }): void {
    if (this.mood === 'full') {
      this.troubles += 1
      this.#database.exec('BEGIN IMMEDIATE')
      for (const job of letter.jobs) this.#run(job)
      this.#database.exec('ROLLBACK')
      // Tried again later; who only asks is answered meanwhile.
      this.#letters.push(letter)
      return
    }
    const answer = this.#commit(letter.jobs)
    if (this.mood === 'unsynced') {
      this.troubles += 1
      this.mood = 'ok'
      this.#letters.push(letter)
    } else this.#answers.push(answer)
    this.onWorked?.()
  }

  /** Manual: the next `count` answers reach the main thread, each as an event of its own: what it sets off runs first. */
  async arrive(count = Number.POSITIVE_INFINITY): Promise<void> {
    for (let left = count; left > 0 && !this.#dead; left -= 1) {
      const answer = this.#answers.shift()
      if (!answer) return
      answer.run()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Nothing is on the way in either direction. */
  get isIdle(): boolean {
    return this.#letters.length === 0 && this.#answers.length === 0 && this.#waiting.length === 0
  }

  /** The power goes away: what the thread did not work off is lost, and nobody hears anything any more. */
  crash(): void {
    this.#dead = true
    this.#letters = []
    this.#answers = []
    this.#waiting = []
  }

  /** The thread dies and a new one takes over: all that is not confirmed is sent again, questions first. */
  restartThread(): void {
    this.#letters = [...this.#questions].map((question) => ({ type: 'read', question }))
    this.#answers = []
    if (this.#committing) this.#letters.push({ type: 'commit', jobs: this.#committing })
    this.#schedule()
  }

  #send(letter: Letter): void {
    if (this.#dead) return
    this.#letters.push(letter)
    this.#schedule()
  }

  #pump(): void {
    if (this.#committing || this.#waiting.length === 0 || this.#dead) return
    this.#committing = this.#waiting
    this.#waiting = []
    this.#send({ type: 'commit', jobs: this.#committing })
  }

  #schedule(): void {
    if (this.#manual || this.#scheduled || this.#holding) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#holding) return
      this.work()
      void this.arrive()
    })
  }

  #commit(jobs: readonly Job[]): Answer {
    this.#database.exec('BEGIN IMMEDIATE')
    const results = jobs.map((job) => this.#run(job))
    this.#database.exec('COMMIT')
    this.commits += 1
    return {
      run: () => {
        this.#committing = undefined
        for (const [index, job] of jobs.entries()) {
          const result = results[index]
          if (result instanceof Error) job.reject(result)
          else {
            for (const [at, operation] of job.operations.entries()) operation.committed?.(result?.[at])
            job.resolve(result ?? [])
          }
        }
        this.#pump()
      },
    }
  }

  #run(job: Job): unknown[] | Error {
    this.#database.exec('SAVEPOINT job')
    try {
      const results = job.operations.map(({ op, args }) => this.#handler(op)(args as never))
      this.#database.exec('RELEASE job')
      return results
    } catch (error) {
      this.#database.exec('ROLLBACK TO job; RELEASE job')
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  #answer(question: Question): Answer {
    if (this.readError) {
      const error = this.readError
      return { run: () => this.#questions.delete(question) && question.reject(error) }
    }
    const { op, args } = question.question
    const answer = structuredClone(this.#handler(op)(structuredClone(args) as never))
    return { run: () => this.#questions.delete(question) && question.resolve(answer) }
  }

  #handler(op: string): Handler {
    let handler = this.#handlers.get(op)
    if (!handler) {
      const prepare = outboxOperations[op]
      if (!prepare) throw new Error(`there is no operation "${op}"`)
      handler = prepare(this.#database)
      this.#handlers.set(op, handler)
    }
    return handler
  }
}
