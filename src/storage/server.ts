import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Database } from 'better-sqlite3'
import { writeBackup } from './backup.ts'
import { Ballast } from './ballast.ts'
import { Connection } from './connection.ts'
import { isNewDatabase, logRoomBytes, settleLog, walPages } from './database.ts'
import { FactsMeter } from './facts.ts'
import { codeOf, failureOf, isDamage, isDiskTrouble, isFull } from './failure.ts'
import { isLogCut } from './log-file.ts'
import type { Migration } from './migrations.ts'
import type { OperationTable } from './operation.ts'
import { PhantomFull } from './phantom-full.ts'
import type { JobResult, PlainOperation, Reply, Request, ThreadData } from './protocol.ts'
import { databaseLoss, logLoss, moveStrangeLog, rewriteDatabase } from './rewrite.ts'

type Handler = (args: never) => unknown

export interface ServerParts {
  readonly migrations: readonly Migration[]
  readonly tables: OperationTable
  readonly reply: (reply: Reply) => void
  /** Puts a damaged database aside, a new one in its place, and returns its new path. */
  readonly setAside?: (file: string, reason: string) => string
  /** Goes on where a kill interrupted that. */
  readonly finishSetAside?: (file: string) => void
}

/**
 * What the storage thread does. Messages are handled one at a time, in order; the main thread keeps at most one commit and
 * one read page outstanding. Everything that takes long goes in pieces between them.
 */
export class StorageServer {
  readonly #data: ThreadData
  readonly #parts: ServerParts
  readonly #reply: (reply: Reply) => void
  readonly #connection: Connection
  readonly #ballast: Ballast
  readonly #phantomFull: PhantomFull
  readonly #facts: FactsMeter
  readonly #logPages: number
  #handlers = new Map<string, Handler>()
  #handlersOf = 0
  /** While the database file is copied it stands still: the log is not written back. */
  #isCopying = false
  /** Requests that wait until a rewritten database is open. */
  #held: Request[] | undefined
  #maintenance: NodeJS.Immediate | undefined
  #watch: NodeJS.Timeout | undefined
  /** The database was replaced, and the main thread has not stored yet what it knows. */
  #isReplaced = false
  /** The commit that has not succeeded yet. */
  #group: (Request & { type: 'commit' }) | undefined
  /** What the first commit stores (that this start took place) is to be found also when the log gets lost. */
  #isBegun = false

  constructor(data: ThreadData, parts: ServerParts) {
    this.#data = data
    this.#parts = parts
    this.#reply = parts.reply
    const { file, maxSizeBytes, readOnly, minFreeBytes } = data
    this.#ballast = new Ballast(ballastFile(file), { minFreeBytes })
    this.#phantomFull = new PhantomFull(file)
    this.#facts = new FactsMeter(file, { maxSizeBytes, ballast: this.#ballast })
    this.#connection = new Connection(file, {
      migrations: parts.migrations,
      maxSizeBytes,
      readOnly,
      ballast: this.#ballast,
      setAside: parts.setAside,
    })
    this.#logPages = walPages(maxSizeBytes)
  }

  /**
   * Only the first opening of an agent sets a damaged database aside by itself: later, the main thread must first store
   * what it knows in the new one (see `#replaceDamaged`).
   */
  open(): void {
    try {
      const { file, first, readOnly, maxSizeBytes } = this.#data
      if (!readOnly) this.#parts.finishSetAside?.(file)
      const logMissing = !isNewDatabase(file) && !existsSync(`${file}-wal`)
      const logCut = isLogCut(`${file}-wal`, logRoomBytes(maxSizeBytes))
      const { problem, ...opened } = this.#connection.open({ maySetAside: first && !readOnly })
      const facts = this.#facts.of(this.#connection.forReading())
      this.#reply({
        type: 'opened',
        opened: { ...opened, logMissing, logCut, ...(problem ? { problem: failureOf(problem) } : {}), facts },
      })
    } catch (error) {
      this.#reply({ type: 'open_failed', failure: failureOf(error) })
    }
    if (!this.#data.readOnly) this.#watch = setInterval(() => void this.#look(), this.#data.watchMs)
  }

  handle(request: Request): void {
    if (this.#held && (request.type === 'commit' || request.type === 'read')) {
      this.#held.push(request)
      return
    }
    switch (request.type) {
      case 'commit':
        this.#group = request
        this.#commit(request)
        break
      case 'commit_again':
        if (this.#group?.id === request.id) this.#commit(this.#group)
        break
      case 'read':
        this.#read(request)
        break
      case 'backup':
        void this.#backup(request)
        break
      case 'ping':
        this.#reply({ type: 'pong' })
        break
      case 'close':
        void this.#close()
        break
    }
  }

  #commit(request: Request & { type: 'commit' }): void {
    try {
      // What the main thread knows goes first: the new database has only what could be read of it.
      if (this.#isReplaced && !request.restores) throw new ReplacedError('the database was replaced')
      const jobs = this.#transaction(request.jobs)
      this.#isReplaced = false
      this.#group = undefined
      this.#shortenLog()
      const facts = this.#facts.of(this.#connection.forReading())
      this.#reply({ type: 'committed', id: request.id, jobs, facts })
    } catch (error) {
      this.#replaceDamaged(error)
      this.#reply({ type: 'commit_failed', id: request.id, failure: failureOf(error) })
    }
    // After the reply: nobody waits for the log to be written back but the next commit.
    this.#maintenance ??= setImmediate(() => this.#maintain())
  }

  /** On a full disk the ballast is given back, and what waits is tried once more. */
  #transaction(jobs: readonly (readonly PlainOperation[])[]): JobResult[] {
    try {
      return this.#tryTransaction(jobs)
    } catch (error) {
      if (!isFull(error) || !this.#ballast.giveBack()) throw error
      return this.#tryTransaction(jobs)
    }
  }

  #tryTransaction(jobs: readonly (readonly PlainOperation[])[]): JobResult[] {
    const database = this.#connection.forWriting()
    try {
      database.exec('BEGIN IMMEDIATE')
      const results = jobs.map((job) => this.#run(database, job))
      database.exec('COMMIT')
      this.#connection.syncLog()
      this.#phantomFull.worked()
      return results
    } catch (error) {
      this.#abandon(database, error)
      throw this.#phantomFull.judge(error, database)
    }
  }

  /** One job, all or nothing. Only trouble of the disk fails the whole group. */
  #run(database: Database, job: readonly PlainOperation[]): JobResult {
    database.exec('SAVEPOINT job')
    try {
      const results = job.map((operation) => this.#handler(database, operation.op)(operation.args as never))
      database.exec('RELEASE job')
      return { results }
    } catch (error) {
      if (isDiskTrouble(error)) throw error
      database.exec('ROLLBACK TO job; RELEASE job')
      return { failure: failureOf(error) }
    }
  }

  /**
   * After a failed write or sync nothing in the connection's cache can be trusted to be on the disk: before the next try
   * it is opened anew, and the whole job is run again. Of a full disk the cache knows.
   */
  #abandon(database: Database, error: unknown): void {
    try {
      if (database.inTransaction) database.exec('ROLLBACK')
    } catch {
      this.#connection.distrust()
    }
    if (isDiskTrouble(error) && !codeOf(error).startsWith('SQLITE_FULL')) this.#connection.distrust()
  }

  #read(request: Request & { type: 'read' }): void {
    try {
      this.#reply({ type: 'answer', id: request.id, answer: this.#answer(request.question) })
    } catch (error) {
      this.#replaceDamaged(error)
      this.#reply({ type: 'answer_failed', id: request.id, failure: failureOf(error) })
    }
  }

  /** Damage found while running: a new database takes the place of this one, and what asked is to ask again. */
  #replaceDamaged(error: unknown): void {
    if (!isDamage(error) || this.#data.readOnly || this.#isCopying || !this.#parts.setAside) return
    try {
      const { setAside, damage } = this.#connection.replaceDamaged(error as Error)
      this.#isReplaced = true
      this.#reply({ type: 'set_aside', setAside, damage })
    } catch {
      // The disk takes no new database now: the damage shows again with the next try.
      this.#connection.distrust()
    }
  }

  #answer({ op, args }: PlainOperation): unknown {
    try {
      return this.#handler(this.#connection.forReading(), op)(args as never)
    } finally {
      // Whatever came of it, an error too, may be due to that.
      this.#connection.checkUnchanged()
    }
  }

  #handler(database: Database, op: string): Handler {
    if (this.#handlersOf !== this.#connection.generation) {
      this.#handlers.clear()
      this.#handlersOf = this.#connection.generation
    }
    let handler = this.#handlers.get(op)
    if (!handler) {
      const prepare = this.#parts.tables[op]
      if (!prepare) throw new Error(`there is no operation "${op}"`)
      handler = prepare(database)
      this.#handlers.set(op, handler)
    }
    return handler
  }

  /** A very large commit leaves a very long log; it is cut before its size counts as used. */
  #shortenLog(): void {
    if (!this.#isCopying && this.#facts.logBytes > this.#facts.logBytesMax) this.#writeBack('TRUNCATE')
  }

  #maintain(): void {
    this.#maintenance = undefined
    if (this.#isCopying) return
    if (!this.#isBegun) this.#isBegun = this.#writeBack('PASSIVE')
    if (this.#connection.logPages() >= this.#logPages) this.#writeBack('PASSIVE')
  }

  /** The commits are safe in the log whatever comes of it; trouble shows at the next one. */
  #writeBack(mode: 'PASSIVE' | 'TRUNCATE'): boolean {
    if (!this.#connection.isWritable) return false
    try {
      this.#connection.forWriting().pragma(`wal_checkpoint(${mode})`)
      if (mode === 'TRUNCATE') this.#connection.makeLogRoom()
      return true
    } catch (error) {
      if (isFull(error)) this.#ballast.giveBack()
      else this.#connection.distrust()
      return false
    }
  }

  async #backup({ id, file }: Request & { type: 'backup' }): Promise<void> {
    try {
      if (this.#isCopying) throw new Error('a backup is being written already')
      if (resolve(file) === resolve(this.#data.file)) throw new Error(`${file} is the database itself`)
      await this.#copying(() =>
        writeBackup(this.#connection, file, {
          migrations: this.#parts.migrations,
          onProgress: (progress) => this.#reply({ type: 'backup_progress', id, progress }),
        }),
      )
      this.#reply({ type: 'backup_done', id })
    } catch (error) {
      this.#reply({ type: 'backup_failed', id, failure: failureOf(error) })
    }
  }

  async #copying(copy: () => Promise<void>): Promise<void> {
    this.#isCopying = true
    try {
      await copy()
    } finally {
      this.#isCopying = false
      this.#maintenance ??= setImmediate(() => this.#maintain())
    }
  }

  /** Now and then: are the files still where they were, and is there room for the ballast? */
  async #look(): Promise<void> {
    if (this.#isCopying) return
    const { file } = this.#data
    const { files } = this.#connection
    try {
      if (databaseLoss(file, files)) await this.#rewrite()
      else if (logLoss(file, files)) this.#renewLog()
    } catch (error) {
      this.#reply({ type: 'rewrite_failed', failure: failureOf(error) })
    }
    if (this.#connection.isWritable) this.#facts.writtenElsewhere(await this.#ballast.make())
  }

  async #rewrite(): Promise<void> {
    try {
      await this.#copying(async () => {
        const connection = this.#connection
        const loss = await rewriteDatabase(this.#data.file, {
          connection,
          hold: () => {
            this.#held = []
          },
        })
        connection.open({ maySetAside: false })
        this.#reply({ type: 'rewritten', loss })
      })
    } finally {
      const held = this.#held ?? []
      this.#held = undefined
      for (const request of held) this.handle(request)
    }
  }

  /** The open log has everything, but no name: it is written back, and a new one begun. */
  #renewLog(): void {
    if (!this.#connection.isWritable) return
    moveStrangeLog(this.#data.file, this.#connection.files)
    settleLog(this.#connection.forWriting())
    this.#connection.open({ maySetAside: false })
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch)
    await this.#ballast.stop()
    clearImmediate(this.#maintenance)
    this.#connection.close()
    this.#reply({ type: 'closed' })
  }
}

/** Tried again at once, with what the main thread knows. */
class ReplacedError extends Error {
  readonly code = 'SQLITE_IOERR_DATABASE_REPLACED'
}

/** `tidegate.ballast` beside `tidegate.db`. */
function ballastFile(file: string): string {
  return file.endsWith('.db') ? `${file.slice(0, -3)}.ballast` : `${file}.ballast`
}
