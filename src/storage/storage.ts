import { Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { StorageStatus } from '../status.ts'
import { Backups } from './backups.ts'
import { openError, StorageReadError } from './failure.ts'
import { Health } from './health.ts'
import type { Operation, Results, Storage } from './operation.ts'
import { type StorageOptions, threadData } from './options.ts'
import type { Committing, Job, Question } from './pending.ts'
import type {
  BackupProgress,
  Damage,
  DiskFacts,
  Failure,
  FileLoss,
  JobResult,
  Opened,
  Reply,
  Request,
} from './protocol.ts'
import { storageStatus } from './report.ts'

// A file system that takes nothing can only be read with SQLite's file URIs. The package looks at this once, when it is
// loaded, in the environment of the process: the thread's own copy would be too late.
process.env['SQLITE_USE_URI'] = '1'

/** Young-generation garbage from read pages, and SQLite's own cache beside it. */
const THREAD_HEAP_MIB = 128

/**
 * The main thread's side of the storage thread. Jobs wait here until the commit before them is synced, then go together
 * as one transaction; they stay here until confirmed, and are sent again after trouble or the death of the thread.
 */
export class StorageThread implements Storage {
  readonly #file: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #options: StorageOptions
  readonly #health: Health
  #worker: Worker | undefined
  #opened: Opened | undefined
  #waiting: Job[] = []
  #committing: Committing | undefined
  readonly #questions = new Map<number, Question>()
  #nextId = 1
  readonly #backups = new Backups()
  #loss: FileLoss | undefined
  #isLogLost = false
  /** Written by threads that died. */
  #writtenBefore = 0
  #retry: NodeJS.Timeout | undefined
  #pingedAt: number | undefined
  #closed = false
  #closing: (() => void) | undefined
  /** Called when a commit has ended, well or not. */
  #onTurn: (() => void) | undefined
  #onOpened: { resolve: () => void; reject: (error: Error) => void } | undefined
  #facts: DiskFacts = { usedBytes: 0, fileBytes: 0, ballastBytes: 0 }
  commits = 0
  #damage: Damage | undefined
  /** What is to be stored before anything else in a new database. */
  #restore: readonly Operation[] | undefined
  /** The database turned out to be damaged while in use; gives what stores everything that is known. */
  onSetAside: ((damage: Damage) => readonly Operation[]) | undefined

  private constructor(file: string, options: StorageOptions) {
    this.#file = file
    this.#clock = options.clock
    this.#log = options.log
    this.#options = options
    this.#health = new Health(options)
  }

  /**
   * Opens the database at `file`. Throws GatewayError state_locked when another agent has it, state_unusable when it
   * cannot even be read or was written by a newer version. A damaged one is moved aside (see `opened.setAside`). One that
   * can be read but not written is opened (see `opened.problem`), and writing is tried again.
   */
  static async open(file: string, options: StorageOptions): Promise<StorageThread> {
    const storage = new StorageThread(file, options)
    await new Promise<void>((resolve, reject) => {
      storage.#onOpened = { resolve, reject }
      storage.#start()
    })
    return storage
  }

  get opened(): Opened {
    if (!this.#opened) throw new Error('storage is not open')
    return this.#opened
  }

  get facts(): DiskFacts {
    return this.#facts
  }

  transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>> {
    if (this.#closed) return Promise.reject(new Error('storage is closed, nothing more can be stored'))
    if (this.#options.readOnly) return Promise.reject(new Error('storage was opened for reading only'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, resolve: (results) => resolve(results as Results<Ops>), reject })
      this.#pump()
    })
  }

  read<Result>(question: Operation<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      const plain = { op: question.op, args: question.args }
      this.#questions.set(id, { question: plain, resolve: (answer) => resolve(answer as Result), reject })
      this.#send({ type: 'read', id, question: plain })
    })
  }

  /**
   * Writes the whole database as it is now to `file` (an absolute path): synced, then renamed into place. Commits go on
   * meanwhile. Throws GatewayError runtime with the reason when it cannot be written.
   */
  backup(file: string, onProgress?: (progress: BackupProgress) => void): Promise<void> {
    const id = this.#nextId++
    this.#send({ type: 'backup', id, file })
    return this.#backups.begin(id, { file, onProgress })
  }

  /**
   * For how many ms the thread has owed an answer; 0 when it answers. A slow sync may take minutes on a dying card and is
   * no reason to restart; silence beyond that is.
   */
  silentMs(): number {
    const silent = this.#pingedAt === undefined ? 0 : this.#clock.mono() - this.#pingedAt
    if (this.#pingedAt === undefined) {
      this.#pingedAt = this.#clock.mono()
      this.#send({ type: 'ping' })
    }
    return silent
  }

  status(): StorageStatus {
    const { problem } = this.#health
    return storageStatus(this.#file, {
      problem,
      facts: this.#facts,
      opened: { ...this.opened, ...this.#damage },
      loss: this.#loss,
      isLogLost: this.#isLogLost,
    })
  }

  /** The log was missing at the start (see `opened`), and the stop before was unclean: the status says so from now on. */
  logWasLost(): void {
    this.#isLogLost = true
  }

  /**
   * Waits for what was given to `transact`, then closes the file. Jobs that the disk refuses are given up: their promises
   * stay pending.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    await this.#idleOrFailing()
    this.#closed = true
    clearTimeout(this.#retry)
    this.#health.stop()
    this.#backups.allFailed({ code: 'closed', message: 'the agent stops', retriable: false })
    const worker = this.#worker
    if (!worker) return
    await new Promise<void>((resolve) => {
      this.#closing = resolve
      this.#send({ type: 'close' })
    })
    this.#worker = undefined
    await worker.terminate()
  }

  async #idleOrFailing(): Promise<void> {
    while (!this.#health.problem && (this.#committing || this.#waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#onTurn = resolve
      })
    }
  }

  #start(): void {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      workerData: threadData(this.#file, { ...this.#options, first: this.#opened === undefined }),
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
      stdin: false,
    })
    this.#worker = worker
    worker.on('message', (reply: Reply) => {
      if (worker === this.#worker) this.#receive(reply)
    })
    // Only its exit counts: until then the old thread may hold the lock on the file.
    let reason: string | undefined
    worker.on('error', (error) => {
      reason = error.message
    })
    worker.on('exit', (status) => this.#died(worker, reason ?? `exit status ${status}`))
  }

  #noteFacts(facts: DiskFacts): void {
    const { writtenBytes } = facts
    this.#facts = writtenBytes === undefined ? facts : { ...facts, writtenBytes: writtenBytes + this.#writtenBefore }
  }

  #send(request: Request): void {
    this.#worker?.postMessage(request)
  }

  /** At most one commit outstanding: what comes meanwhile becomes one group behind it. */
  #pump(): void {
    if (this.#committing || this.#retry || this.#waiting.length === 0) return
    const jobs = this.#waiting
    this.#waiting = []
    this.#commit(jobs)
  }

  #commit(jobs: readonly Job[]): void {
    const id = this.#nextId++
    this.#committing = { id, jobs, restores: this.#restore !== undefined, by: this.#worker }
    const all = this.#restore
      ? [this.#restore, ...jobs.map((job) => job.operations)]
      : jobs.map((job) => job.operations)
    const plain = all.map((operations) => operations.map(({ op, args }) => ({ op, args })))
    this.#send({ type: 'commit', id, jobs: plain, restores: this.#restore !== undefined })
  }

  #receive(reply: Reply): void {
    switch (reply.type) {
      case 'opened':
        this.#onOpen(reply.opened)
        break
      case 'open_failed':
        this.#openFailed(reply.failure)
        break
      case 'committed':
        this.#noteFacts(reply.facts)
        if (reply.id === this.#committing?.id) this.#committed(reply.jobs)
        break
      case 'commit_failed':
        if (reply.id === this.#committing?.id) this.#failing(reply.failure)
        break
      case 'answer':
        this.#questions.get(reply.id)?.resolve(reply.answer)
        this.#questions.delete(reply.id)
        break
      case 'answer_failed':
        this.#questions.get(reply.id)?.reject(new StorageReadError(reply.failure))
        this.#questions.delete(reply.id)
        break
      case 'backup_progress':
        this.#backups.progress(reply.id, reply.progress)
        break
      case 'backup_done':
      case 'backup_failed':
        this.#backups.ended(reply.id, reply.type === 'backup_failed' ? reply.failure : undefined)
        break
      case 'set_aside':
        this.#wasSetAside(reply)
        break
      case 'rewritten':
        this.#log.warn(`the database file was ${reply.loss.what} while in use; it was written again`, { ...reply.loss })
        this.#loss = reply.loss
        this.#options.onDatabaseLost?.(reply.loss)
        break
      case 'rewrite_failed':
        this.#log.error(`the database file is gone and cannot be written again: ${reply.failure.message}`, {
          code: reply.failure.code,
        })
        break
      case 'pong':
        this.#pingedAt = undefined
        break
      case 'closed':
        this.#closing?.()
        break
    }
  }

  #committed(all: readonly JobResult[]): void {
    const { jobs, restores } = this.#committing ?? { jobs: [], restores: false }
    const results = restores ? all.slice(1) : all
    if (restores) this.#restored(all[0])
    this.#committing = undefined
    this.commits += 1
    this.#health.worked()
    for (const [index, job] of jobs.entries()) {
      const result = results[index]
      if (!result || 'failure' in result) {
        const names = job.operations.map((operation) => operation.op).join(', ')
        const error = new Error(`storage job (${names}) failed: ${result?.failure.message ?? 'no result'}`)
        job.reject(error)
        this.#options.onBug?.(error)
        continue
      }
      for (const [at, operation] of job.operations.entries()) operation.committed?.(result.results[at])
      job.resolve([...result.results])
    }
    this.#pump()
    this.#onTurn?.()
  }

  #wasSetAside({ setAside, damage }: Damage): void {
    this.#damage = { setAside, damage }
    this.#log.error(`the database is damaged (${damage}); it was moved to ${setAside}, a new one begun`)
    this.#restore = this.onSetAside?.(this.#damage) ?? []
    // Somebody must store it, even when nothing else is to be stored.
    if (!this.#committing && this.#waiting.length === 0) this.transact([]).catch(() => {})
  }

  #restored(result: JobResult | undefined): void {
    this.#restore = undefined
    if (result && 'failure' in result) this.#options.onBug?.(new Error(`restoring failed: ${result.failure.message}`))
  }

  #onOpen(opened: Opened): void {
    this.#opened ??= opened
    this.#noteFacts(opened.facts)
    this.#onOpened?.resolve()
    this.#onOpened = undefined
    if (opened.problem && !this.#retry) this.#failing(opened.problem)
  }

  /** Notes the trouble and tries again after a pause that grows. */
  #failing(failure: Failure): void {
    const pause = this.#health.failed(failure)
    clearTimeout(this.#retry)
    if (this.#closed) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      if (this.#worker) this.#resend()
      else this.#restart()
    }, pause)
    this.#onTurn?.()
  }

  /** Something must be committed to show that writing works. */
  #resend(): void {
    const committing = this.#committing
    const restores = this.#restore !== undefined
    // The thread that failed has it still: packing it again would hold up the event loop with each try.
    if (committing && committing.by === this.#worker && committing.restores === restores)
      this.#send({ type: 'commit_again', id: committing.id })
    else if (committing) this.#commit(committing.jobs)
    else if (this.#waiting.length > 0) this.#pump()
    else this.transact([]).catch(() => {})
  }

  /** At the start that is the end of it; later it is trouble like any other, and the thread tries again with the next commit. */
  #openFailed(failure: Failure): void {
    if (this.#opened) {
      this.#failing(failure)
      return
    }
    void this.#worker?.terminate()
    this.#worker = undefined
    const onOpened = this.#onOpened
    this.#onOpened = undefined
    onOpened?.reject(openError(this.#file, failure))
  }

  /** The thread died: a new one takes over, and what was not confirmed is run again (every job is idempotent). */
  #died(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    const failure: Failure = { code: 'thread_died', message: `the storage thread died: ${reason}`, retriable: true }
    this.#backups.allFailed(failure)
    if (this.#closing) {
      this.#closing()
      return
    }
    if (this.#onOpened) {
      this.#openFailed({ ...failure, code: 'bug', message: reason })
      return
    }
    this.#writtenBefore = this.#facts.writtenBytes ?? 0
    this.#failing(failure)
  }

  #restart(): void {
    this.#pingedAt = undefined
    this.#start()
    for (const [id, { question }] of this.#questions) this.#send({ type: 'read', id, question })
    this.#resend()
  }
}
