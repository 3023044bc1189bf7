import type { Clock } from '../../clock.ts'
import type { Logger } from '../../log.ts'
import { backoffMs } from '../../retry.ts'
import type { ConnectionSettings } from '../../settings.ts'
import { type Driver, LinkError } from '../driver.ts'
import { LOAN_GRACE_MS, LOAN_MAX_MS, Loans } from './loans.ts'
import { reopenPauses } from './reopen.ts'

/** What the loop is for. */
export interface LoopTasks {
  /** The connection is open. */
  opened(): void
  /** It is not open any more: what has begun cannot be gone on with. */
  closed(): void
  /** The connection cannot be opened, or broke before anything answered. */
  failed(problem: LinkError): void
  /** Does one thing that is due; resolves with how long there is nothing to do, in ms. */
  turn(): Promise<number>
  /** Valid replies so far. */
  replies(): number
  /** Calls of the driver so far. */
  calls(): number
}

export interface LoopOptions {
  readonly driver: Driver
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}

/** Timers longer than 24.8 days fire at once in Node; nothing here needs a longer one. */
const SLEEP_MAX_MS = 3_600_000
/** Opening a port or socket has deadlines of its own; this is for the watchdog. */
const OPEN_MAX_MS = 60_000
/** A connection that nobody used and that is closed sooner than this is not opened again at once every time. */
const QUICKLY_CLOSED_MS = 5_000

/**
 * Keeps the connection open: opens, lets the tasks have their turns until it is lost, closes, waits, opens again. A
 * connection that worked is opened again at once; one that did not, after growing pauses.
 */
export class ConnectionLoop {
  readonly #connection: ConnectionSettings
  readonly #options: LoopOptions
  readonly #tasks: LoopTasks
  readonly #loans: Loans
  readonly #stopping = new AbortController()
  #sleeping = new AbortController()
  #woken = false
  #running: Promise<void> = Promise.resolve()
  #state: 'closed' | 'opening' | 'open' | 'lent' = 'closed'
  #problem: LinkError | undefined
  /** The problem stands until something answers: that the peer lets us in proves nothing. */
  #unproven = false
  /** Nobody used the last one before the other side closed it: opening again is no news. */
  #wasIdle = false
  /** Set when the open connection was lost. */
  #lost: LinkError | undefined
  #opens = 0
  #failedOpens = 0
  #wakesBy = Number.POSITIVE_INFINITY

  constructor(connection: ConnectionSettings, options: LoopOptions, tasks: LoopTasks) {
    this.#connection = connection
    this.#options = options
    this.#tasks = tasks
    this.#loans = new Loans(connection.name, { clock: options.clock, stopping: this.#stopping.signal })
    options.driver.onLost = (error) => {
      if (this.isOpen) this.lose(error)
    }
  }

  get isOpen(): boolean {
    return this.#state === 'open' && !this.isStopped
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Why there is no use in asking now: what went wrong, or that it is not open. */
  get refusal(): LinkError {
    const { name } = this.#connection
    if (this.#state === 'lent') return new LinkError('lent', `${name} is used by a tool at the moment`)
    return this.#problem ?? new LinkError('closed', `${name} is not open`)
  }

  status() {
    const shown = this.#problem && this.#state !== 'lent' && this.#state !== 'closed' ? 'failed' : this.#state
    return { state: shown, problem: this.#problem, opens: this.#opens, failedOpens: this.#failedOpens } as const
  }

  start(): void {
    this.#running = this.#run()
  }

  /** No further turns; a call under way has to be ended by the caller. */
  stopSoon(): void {
    this.#stopping.abort()
    this.wake()
  }

  /** Resolves when the loop has ended and the driver is closed. */
  async stopped(): Promise<void> {
    await this.#running
    await this.#options.driver.close()
    this.#state = 'closed'
  }

  /** The connection is lost, or in doubt; the first reason counts. */
  lose(error: LinkError): void {
    this.#lost ??= error
    this.wake()
  }

  /** Something answered. */
  proven(): void {
    if (!this.#unproven) return
    this.#unproven = false
    this.#back()
  }

  /** There is something new to do. */
  wake(): void {
    this.#woken = true
    this.#sleeping.abort()
  }

  /** Closes the driver while `use` is at work. */
  lend<T>(use: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.isStopped) return Promise.reject(new LinkError('closed', `${this.#connection.name} is stopping`))
    const lent = this.#loans.add(use, signal)
    this.wake()
    return lent
  }

  /** For how long the loop has owed a sign of life, in ms. `callEndsBy`: until when a call of a task may take. */
  overdueMs(now: number, callEndsBy: number | undefined): number {
    return Math.max(0, now - (callEndsBy ?? this.#wakesBy))
  }

  async #run(): Promise<void> {
    const pauses = reopenPauses(this.#connection.type)
    const { clock, driver, random } = this.#options
    let failures = 0
    while (!this.isStopped) {
      await this.#lendOut()
      const before = { replies: this.#tasks.replies(), calls: this.#tasks.calls(), at: clock.mono() }
      const opened = await this.#open()
      if (opened) await this.#serve()
      if (this.isStopped) break
      await driver.close()
      if (opened) this.#tasks.closed()
      if (opened && !this.#lost) continue // a tool wants it
      const worked = opened && this.#tasks.replies() > before.replies
      // Many devices close what nobody uses; that says nothing against them.
      this.#wasIdle = opened && this.#lost?.code === 'closed' && this.#tasks.calls() === before.calls
      const wasLong = this.#wasIdle && clock.mono() - before.at >= QUICKLY_CLOSED_MS
      failures = worked || wasLong ? 0 : failures + 1
      if (worked || wasLong) continue
      if (this.#wasIdle) this.#state = 'opening'
      else this.#fail(opened)
      this.#woken = !this.#loans.isEmpty
      if (!this.#wasIdle || failures > 1) await this.#sleep(backoffMs(failures - 1, pauses, random))
    }
    this.#loans.rejectAll(new LinkError('closed', `${this.#connection.name} is stopping`))
  }

  async #lendOut(): Promise<void> {
    if (this.#loans.isEmpty) return
    this.#state = 'lent'
    while (!this.#loans.isEmpty && !this.isStopped) {
      this.#wakesBy = this.#options.clock.mono() + LOAN_MAX_MS + LOAN_GRACE_MS
      await this.#loans.serveNext()
    }
  }

  async #open(): Promise<boolean> {
    if (this.isStopped) return false
    this.#lost = undefined
    const wasLent = this.#state === 'lent'
    this.#state = 'opening'
    this.#wakesBy = this.#options.clock.mono() + OPEN_MAX_MS
    this.#opens += 1
    try {
      await this.#options.driver.open()
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      this.#failedOpens += 1
      this.#lost = error
      return false
    }
    if (this.isStopped) return false
    this.#state = 'open'
    if (this.#problem) {
      if (!this.#unproven) this.#back()
    } else if (!wasLent && !this.#wasIdle) this.#options.log.info('connection opened')
    this.#tasks.opened()
    return true
  }

  /** Turns until the connection is lost, a tool wants it, or the poller stops. */
  async #serve(): Promise<void> {
    while (!this.isStopped && !this.#lost && this.#loans.isEmpty) {
      this.#wakesBy = this.#options.clock.mono()
      const idleMs = await this.#tasks.turn()
      if (idleMs > 0) await this.#sleep(idleMs)
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#options
    this.#sleeping = new AbortController()
    if (!this.#woken && !this.isStopped) {
      const limitedMs = Math.min(Math.max(ms, 0), SLEEP_MAX_MS)
      this.#wakesBy = clock.mono() + limitedMs
      await clock.wait(limitedMs, this.#sleeping.signal)
    }
    this.#woken = false
  }

  #back(): void {
    this.#problem = undefined
    this.#options.log.info('connection is back')
  }

  #fail(opened: boolean): void {
    const { code, message, hint } = this.#lost ?? new LinkError('closed', `${this.#connection.name} was closed`)
    // A plug that is in shows that it is; a peer that let us in and then said nothing sensible may do so again.
    this.#unproven = opened && code !== 'unplugged'
    if (this.#problem?.code !== code)
      this.#options.log.warn(`no connection: ${message}`, { code, ...(hint && { hint }) })
    this.#problem = new LinkError(code, message, hint === undefined ? {} : { hint })
    this.#state = 'opening'
    this.#lost = undefined
    this.#tasks.failed(this.#problem)
  }
}
