import { WriteError } from '../driver.ts'

/** A command or a reading somebody waits for; `run` never rejects. */
export interface Job {
  run(): Promise<void>
  reject(error: Error): void
}

/** Jobs that may wait. Commands are one per key, so more means that somebody asks in a loop. */
const JOBS_MAX = 256
/** Jobs served in a row while a poll is due: a stream of commands must not stop the polling. */
const JOBS_IN_A_ROW_MAX = 4
/** Polls in a row while questions of tools wait: on a bus without gaps, tools get on all the same. */
const POLLS_IN_A_ROW_MAX = 4

export interface JobOptions {
  /** Sees the error first. */
  readonly onError: (error: unknown) => void
  /** A question of a tool: polls that are due go first. */
  readonly givesWay: boolean
}

/** Jobs between polls: first come, first served; what gives way comes last. */
export class JobQueue {
  readonly #jobs: Job[] = []
  readonly #questions: Job[] = []
  #inARow = 0
  #pollsInARow = 0

  /** Resolves or rejects as `run` does, when its turn came. */
  add<T>(run: () => Promise<T>, { onError, givesWay }: JobOptions): Promise<T> {
    const queue = givesWay ? this.#questions : this.#jobs
    if (queue.length >= JOBS_MAX) {
      const message = `${JOBS_MAX} commands and readings are waiting already`
      return Promise.reject(new WriteError('busy', message, { happened: 'no', retriable: true }))
    }
    return new Promise<T>((resolve, reject) => {
      queue.push({
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
    const job = this.#nextCommand(pollIsDue) ?? this.#nextQuestion(pollIsDue)
    this.#pollsInARow = job || !pollIsDue || this.#questions.length === 0 ? 0 : this.#pollsInARow + 1
    return job
  }

  #nextCommand(pollIsDue: boolean): Job | undefined {
    if (pollIsDue && this.#inARow >= JOBS_IN_A_ROW_MAX) {
      this.#inARow = 0
      return undefined
    }
    const job = this.#jobs.shift()
    this.#inARow = job && pollIsDue ? this.#inARow + 1 : 0
    return job
  }

  #nextQuestion(pollIsDue: boolean): Job | undefined {
    const isTheirTurn = !pollIsDue || this.#pollsInARow >= POLLS_IN_A_ROW_MAX
    return isTheirTurn ? this.#questions.shift() : undefined
  }

  rejectAll(error: Error): void {
    for (const job of [...this.#jobs.splice(0), ...this.#questions.splice(0)]) job.reject(error)
  }
}
