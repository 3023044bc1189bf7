import type { Clock } from '../../clock.ts'
import { LinkError } from '../driver.ts'

/** A tool that has the port for longer is told to give it back. */
export const LOAN_MAX_MS = 600_000
/** Until then it has to have done so; then the connection is opened again all the same. */
export const LOAN_GRACE_MS = 10_000

export interface LoansOptions {
  readonly clock: Clock
  readonly stopping: AbortSignal
}

interface Loan {
  /** Never rejects. */
  run(limit: AbortSignal): Promise<void>
  reject(error: Error): void
}

/** Tools that wait for the port or socket itself: first come, first served. */
export class Loans {
  #loans: Loan[] = []
  readonly #connection: string
  readonly #clock: Clock
  readonly #stopping: AbortSignal

  constructor(connection: string, { clock, stopping }: LoansOptions) {
    this.#connection = connection
    this.#clock = clock
    this.#stopping = stopping
  }

  get isEmpty(): boolean {
    return this.#loans.length === 0
  }

  /** Rejects with the signal's reason when that aborts before its turn came. */
  add<T>(use: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      const loan: Loan = {
        reject,
        run: async (limit) => {
          signal?.removeEventListener('abort', giveUp)
          try {
            resolve(await use(AbortSignal.any([limit, this.#stopping, ...(signal ? [signal] : [])])))
          } catch (error) {
            reject(error)
          }
        },
      }
      const giveUp = () => {
        this.#loans = this.#loans.filter((candidate) => candidate !== loan)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#loans.push(loan)
    })
  }

  /**
   * Serves the one that waits longest. When the gateway stops it is told and not waited for; when its time is over, it is
   * told and waited for a little.
   */
  async serveNext(): Promise<void> {
    const loan = this.#stopping.aborted ? undefined : this.#loans.shift()
    if (!loan) return
    const [limit, over] = [new AbortController(), new AbortController()]
    const stop = () => over.abort()
    this.#stopping.addEventListener('abort', stop)
    void loan.run(limit.signal).then(stop)
    await this.#clock.wait(LOAN_MAX_MS, over.signal)
    if (!over.signal.aborted) {
      const minutes = LOAN_MAX_MS / 60_000
      const error = new LinkError('stuck', `a tool had ${this.#connection} for over ${minutes} minutes`)
      limit.abort(error)
      await this.#clock.wait(LOAN_GRACE_MS, over.signal)
      loan.reject(error)
    }
    this.#stopping.removeEventListener('abort', stop)
  }

  rejectAll(error: Error): void {
    for (const loan of this.#loans.splice(0)) loan.reject(error)
  }
}
