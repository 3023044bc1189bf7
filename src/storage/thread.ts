/**
 * The root of the storage thread: the only place where SQLite runs, and the only importer of the stages' sql.ts. Messages
 * are handled one at a time, in order; the main thread keeps at most one commit and one read page outstanding.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { Database } from 'better-sqlite3'
import { inboxOperations, inboxSchema } from '../inbox/sql.ts'
import { outboxOperations, outboxSchema } from '../outbox/sql.ts'
import { codeOf, diskFacts, isDiskTrouble, openDatabase, openOrSetAside } from './database.ts'
import type { Migration } from './migrations.ts'
import type { OperationTable } from './operation.ts'
import type { Failure, JobResult, Opened, PlainOperation, Reply, Request, ThreadData } from './protocol.ts'

const migrations: readonly Migration[] = [{ version: 1, statements: [...outboxSchema, ...inboxSchema] }]
const tables: OperationTable = { ...outboxOperations, ...inboxOperations }

type Handler = (args: never) => unknown

class StorageThread {
  readonly #file: string
  readonly #reply: (reply: Reply) => void
  #database: Database | undefined
  #handlers = new Map<string, Handler>()

  constructor(file: string, reply: (reply: Reply) => void) {
    this.#file = file
    this.#reply = reply
  }

  /**
   * Only the first opening of an agent sets a damaged database aside: later, the main thread counts on what is in it, and
   * only a restart of the agent begins anew.
   */
  open(maySetAside: boolean): void {
    try {
      const { database, opened } = maySetAside
        ? openOrSetAside(this.#file, migrations)
        : withFacts(openDatabase(this.#file, migrations))
      this.#database = database
      this.#reply({ type: 'opened', opened })
    } catch (error) {
      this.#reply({ type: 'open_failed', failure: failureOf(error) })
    }
  }

  handle(request: Request): void {
    switch (request.type) {
      case 'commit':
        this.#commit(request)
        break
      case 'read':
        this.#read(request)
        break
      case 'ping':
        this.#reply({ type: 'pong' })
        break
      case 'close':
        this.#database?.close()
        this.#database = undefined
        this.#reply({ type: 'closed' })
        break
    }
  }

  #commit(request: Request & { type: 'commit' }): void {
    try {
      const database = this.#open()
      database.exec('BEGIN IMMEDIATE')
      const jobs = request.jobs.map((job) => this.#run(database, job))
      database.exec('COMMIT')
      this.#reply({ type: 'committed', id: request.id, jobs, facts: diskFacts(database) })
    } catch (error) {
      this.#abandon(error)
      this.#reply({ type: 'commit_failed', id: request.id, failure: failureOf(error) })
    }
  }

  /** One job, all or nothing. Only trouble of the disk fails the whole group. */
  #run(database: Database, job: readonly PlainOperation[]): JobResult {
    database.exec('SAVEPOINT job')
    try {
      const results = job.map((operation) => this.#handler(operation.op)(operation.args as never))
      database.exec('RELEASE job')
      return { results }
    } catch (error) {
      if (isDiskTrouble(error)) throw error
      database.exec('ROLLBACK TO job; RELEASE job')
      return { failure: failureOf(error) }
    }
  }

  #read(request: Request & { type: 'read' }): void {
    try {
      this.#open()
      const answer = this.#handler(request.question.op)(request.question.args as never)
      this.#reply({ type: 'answer', id: request.id, answer })
    } catch (error) {
      this.#reply({ type: 'answer_failed', id: request.id, failure: failureOf(error) })
    }
  }

  #open(): Database {
    this.#database ??= openDatabase(this.#file, migrations)
    return this.#database
  }

  /**
   * After a failed write or sync nothing in the connection's cache can be trusted to be on the disk: the next try begins
   * with a fresh connection, and runs the whole job again.
   */
  #abandon(error: unknown): void {
    const database = this.#database
    if (!database) return
    try {
      if (database.inTransaction) database.exec('ROLLBACK')
    } catch {
      // The connection is closed just below in every case in which a rollback can fail.
    }
    if (!isDiskTrouble(error) || codeOf(error).startsWith('SQLITE_FULL')) return
    this.#handlers.clear()
    this.#database = undefined
    database.close()
  }

  #handler(op: string): Handler {
    let handler = this.#handlers.get(op)
    if (!handler) {
      const prepare = tables[op]
      if (!prepare) throw new Error(`there is no operation "${op}"`)
      handler = prepare(this.#open())
      this.#handlers.set(op, handler)
    }
    return handler
  }
}

function withFacts(database: Database): { database: Database; opened: Opened } {
  return { database, opened: { facts: diskFacts(database) } }
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  return { code: codeOf(error), message, retriable: isDiskTrouble(error) }
}

const port = parentPort
if (!port) throw new Error('storage/thread.ts runs in a worker thread only')
const { file, first } = workerData as ThreadData
const thread = new StorageThread(file, (reply) => port.postMessage(reply))
port.on('message', (request: Request) => thread.handle(request))
thread.open(first)
