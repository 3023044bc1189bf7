import { Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { backoffMs } from '../retry.ts'
import type { StorageStatus } from '../status.ts'
import type { Operation, Results, Storage } from './operation.ts'
import type { DiskFacts, Failure, JobResult, Opened, PlainOperation, Reply, Request, ThreadData } from './protocol.ts'

/** A failing disk is tried again within these pauses; polling and delivery go on from memory meanwhile. */
const RETRY = { minMs: 200, maxMs: 10_000 }
/** Young-generation garbage from read pages, and SQLite's own cache beside it. */
const THREAD_HEAP_MIB = 128

interface Job {
  readonly operations: readonly Operation[]
  readonly resolve: (results: unknown[]) => void
  readonly reject: (error: Error) => void
}

interface Question {
  readonly question: PlainOperation
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * The main thread's side of the storage thread. Jobs wait here until the commit before them is synced, then go together
 * as one transaction; they stay here until confirmed, and are sent again after trouble or the death of the thread.
 */
export class StorageThread implements Storage {
  readonly #file: string
  readonly #clock: Clock
  readonly #log: Logger
  #worker: Worker | undefined
  #opened: Opened | undefined
  #waiting: Job[] = []
  #committing: { readonly id: number; readonly jobs: readonly Job[] } | undefined
  readonly #questions = new Map<number, Question>()
  #nextId = 1
  #failures = 0
  #problem: NonNullable<StorageStatus['problem']> | undefined
  #problemSince = 0
  #retry: NodeJS.Timeout | undefined
  #pingedAt: number | undefined
  #closed = false
  #closing: (() => void) | undefined
  /** Called when a commit has ended, well or not. */
  #onTurn: (() => void) | undefined
  #onOpened: { resolve: () => void; reject: (error: Error) => void } | undefined
  facts: DiskFacts = { usedBytes: 0, fileBytes: 0 }
  commits = 0

  private constructor(file: string, options: { clock: Clock; log: Logger }) {
    this.#file = file
    this.#clock = options.clock
    this.#log = options.log
  }

  /**
   * Opens the database at `file`. Throws GatewayError state_locked when another agent has it, state_unusable when it
   * cannot be opened or was written by a newer version. A damaged one is moved aside (see `opened.setAside`).
   */
  static async open(file: string, options: { clock: Clock; log: Logger }): Promise<StorageThread> {
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

  transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>> {
    if (this.#closed) return Promise.reject(new Error('storage is closed, nothing more can be stored'))
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
    const { setAside, damage } = this.opened
    return {
      state: this.#problem ? 'failing' : 'ok',
      ...(this.#problem ? { problem: { ...this.#problem, sinceMs: this.#clock.mono() - this.#problemSince } } : {}),
      file: this.#file,
      ...(setAside ? { recovered: `damaged database (${damage}) moved to ${setAside}, a new one begun` } : {}),
    }
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
    while (!this.#problem && (this.#committing || this.#waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#onTurn = resolve
      })
    }
  }

  #start(): void {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      workerData: { file: this.#file, first: this.#opened === undefined } satisfies ThreadData,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
      stdin: false,
    })
    this.#worker = worker
    worker.on('message', (reply: Reply) => {
      if (worker === this.#worker) this.#receive(reply)
    })
    worker.on('error', (error) => this.#died(worker, error.message))
    worker.on('exit', (status) => this.#died(worker, `exit status ${status}`))
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
    this.#committing = { id, jobs }
    const plain = jobs.map((job) => job.operations.map(({ op, args }) => ({ op, args })))
    this.#send({ type: 'commit', id, jobs: plain })
  }

  #receive(reply: Reply): void {
    switch (reply.type) {
      case 'opened':
        this.#opened ??= reply.opened
        this.facts = reply.opened.facts
        this.#onOpened?.resolve()
        this.#onOpened = undefined
        break
      case 'open_failed':
        this.#openFailed(reply.failure)
        break
      case 'committed':
        this.facts = reply.facts
        if (reply.id === this.#committing?.id) this.#committed(reply.jobs)
        break
      case 'commit_failed':
        if (reply.id === this.#committing?.id) this.#failing(reply.failure, () => this.#resend())
        break
      case 'answer':
        this.#questions.get(reply.id)?.resolve(reply.answer)
        this.#questions.delete(reply.id)
        break
      case 'answer_failed':
        this.#questions.get(reply.id)?.reject(new StorageReadError(reply.failure))
        this.#questions.delete(reply.id)
        break
      case 'pong':
        this.#pingedAt = undefined
        break
      case 'closed':
        this.#closing?.()
        break
    }
  }

  #committed(results: readonly JobResult[]): void {
    const jobs = this.#committing?.jobs ?? []
    this.#committing = undefined
    this.commits += 1
    this.#recovered()
    for (const [index, job] of jobs.entries()) {
      const result = results[index]
      if (!result || 'failure' in result) {
        const names = job.operations.map((operation) => operation.op).join(', ')
        job.reject(new Error(`storage job (${names}) failed: ${result?.failure.message ?? 'no result'}`))
        continue
      }
      for (const operation of job.operations) operation.committed?.()
      job.resolve([...result.results])
    }
    this.#pump()
    this.#onTurn?.()
  }

  /** Notes the trouble once and tries again after a pause that grows. */
  #failing(failure: Failure, again: () => void): void {
    if (!this.#problem) {
      this.#problemSince = this.#clock.mono()
      this.#log.error(`storage cannot write: ${failure.message}; reading and delivering go on from memory`, {
        code: failure.code,
      })
    }
    const hint = hintFor(failure.code)
    this.#problem = { code: failure.code, message: failure.message, sinceMs: 0, ...(hint ? { hint } : {}) }
    const pause = Math.max(RETRY.minMs, backoffMs(this.#failures, RETRY))
    this.#failures += 1
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      again()
    }, pause)
    this.#onTurn?.()
  }

  #resend(): void {
    const jobs = this.#committing?.jobs
    if (jobs) this.#commit(jobs)
    else this.#pump()
  }

  #recovered(): void {
    if (!this.#problem) return
    this.#log.info('storage writes again', { after_ms: this.#clock.mono() - this.#problemSince })
    this.#problem = undefined
    this.#failures = 0
  }

  #openFailed(failure: Failure): void {
    void this.#worker?.terminate()
    this.#worker = undefined
    if (this.#opened) {
      this.#failing(failure, () => this.#restart())
      return
    }
    const onOpened = this.#onOpened
    this.#onOpened = undefined
    onOpened?.reject(openError(this.#file, failure))
  }

  /** The thread died: a new one takes over, and what was not confirmed is run again (every job is idempotent). */
  #died(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    if (this.#closing) {
      this.#closing()
      return
    }
    if (this.#onOpened) {
      this.#openFailed({ code: 'bug', message: reason, retriable: false })
      return
    }
    clearTimeout(this.#retry)
    this.#failing({ code: 'thread_died', message: `the storage thread died: ${reason}`, retriable: true }, () =>
      this.#restart(),
    )
  }

  #restart(): void {
    this.#pingedAt = undefined
    this.#start()
    for (const [id, { question }] of this.#questions) this.#send({ type: 'read', id, question })
    // Something must be committed to show that the new thread works.
    if (!this.#committing && this.#waiting.length === 0) void this.transact([])
    else this.#resend()
  }
}

export class StorageReadError extends Error {
  readonly code: string
  constructor(failure: Failure) {
    super(`storage could not be read: ${failure.message}`)
    this.name = 'StorageReadError'
    this.code = failure.code
  }
}

function openError(file: string, failure: Failure): GatewayError {
  if (failure.code.startsWith('SQLITE_BUSY')) {
    return new GatewayError('state_locked', `cannot open ${file}: another agent is running on it`, {
      hint: 'stop the other agent, or give this one its own --state-dir',
    })
  }
  const hint = hintFor(failure.code) ?? 'check that the state directory exists and can be written'
  return new GatewayError('state_unusable', `cannot open ${file}: ${failure.message} (${failure.code})`, { hint })
}

function isDamageCode(code: string): boolean {
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
}

function hintFor(code: string): string | undefined {
  if (code.startsWith('SQLITE_FULL')) return 'the disk is full: free some space'
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS')
    return 'the file system is read-only: look at `dmesg` for a failing card'
  if (code.startsWith('SQLITE_IOERR')) return 'the disk reports errors: look at `dmesg`, replace the card'
  if (isDamageCode(code))
    return 'the database is damaged: restart the agent, it sets the file aside and begins a new one'
  if (code === 'newer_database') return 'install the newer program again, or give this one its own --state-dir'
  if (code === 'foreign_database') return 'give the agent its own --state-dir'
  return undefined
}
