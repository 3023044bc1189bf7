import { systemClock } from '../../clock.ts'

export interface Interruption {
  readonly stopped: () => boolean
  readonly wait: (ms: number) => Promise<void>
  readonly signal: AbortSignal
}

/**
 * Ctrl-C ends what `work` does in good order: what is under way is finished, then the command ends as if it were done.
 * `wait` ends early then, and so does what is given the signal.
 */
export async function untilInterrupted<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  const { signal } = interrupted
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    return await work({ stopped: () => signal.aborted, wait: (ms) => systemClock.wait(ms, signal), signal })
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
  }
}
