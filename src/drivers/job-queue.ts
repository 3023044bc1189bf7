import { WriteError } from './driver.ts'

/** A command or a reading somebody waits for; `run` never rejects. */
export interface Job {
  run(): Promise<void>
  reject(error: Error): void
}

/** Jobs that may wait. Commands are one per key, so more means that somebody asks in a loop. */
const JOBS_MAX = 256
/** Jobs served in a row while a poll is due: a stream of commands must not stop the polling. */
const JOBS_IN_A_ROW_MAX = 4

/** Jobs between polls: first come, first served. */
export class JobQueue {
  readonly #jobs: Job[] = []
  #inARow = 0

  get isEmpty(): boolean {
    return this.#jobs.length === 0
  }

  /** Resolves or rejects as `run` does, when its turn came; `onError` sees the error first. */
  add<T>(run: () => Promise<T>, onError: (error: unknown) => void): Promise<T> {
    if (this.#jobs.length >= JOBS_MAX) {
      const message = `${JOBS_MAX} commands and readings are waiting already`
      return Promise.reject(new WriteError('busy', message, { happened: 'no', retriable: true }))
    }
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push({
        reject,
        async run() {
          try {
            resolve(await run())
          } catch (error) {
            onError(error)
            reject(error)
          }
        },
      })
    })
  }

  /** The next job, unless it is a poll's turn. */
  next(pollIsDue: boolean): Job | undefined {
    if (pollIsDue && this.#inARow >= JOBS_IN_A_ROW_MAX) {
      this.#inARow = 0
      return undefined
    }
    const job = this.#jobs.shift()
    this.#inARow = job && pollIsDue ? this.#inARow + 1 : 0
    return job
  }

  rejectAll(error: Error): void {
    for (const job of this.#jobs.splice(0)) job.reject(error)
  }
}
