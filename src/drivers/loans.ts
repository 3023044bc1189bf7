interface Loan {
  /** Never rejects. */
  run(): Promise<void>
  reject(error: Error): void
}

/** Tools that wait for the port or socket itself: first come, first served. */
export class Loans {
  #loans: Loan[] = []
  readonly #stopping: AbortSignal

  constructor(stopping: AbortSignal) {
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
        run: async () => {
          signal?.removeEventListener('abort', giveUp)
          try {
            resolve(await use(signal ? AbortSignal.any([signal, this.#stopping]) : this.#stopping))
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

  /** Serves all that wait. When the gateway stops, those under way are told and not waited for. */
  async serve(): Promise<void> {
    for (;;) {
      const loan = this.#stopping.aborted ? undefined : this.#loans.shift()
      if (!loan) return
      await this.#unlessStopping(loan)
    }
  }

  rejectAll(error: Error): void {
    for (const loan of this.#loans.splice(0)) loan.reject(error)
  }

  #unlessStopping(loan: Loan): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stopping.removeEventListener('abort', done)
        resolve()
      }
      this.#stopping.addEventListener('abort', done)
      void loan.run().then(done)
    })
  }
}
