import { systemClock } from '../../clock.ts'

export type Wait = (ms: number) => Promise<void>

/**
 * Ctrl-C ends what `work` does in good order: what is under way is finished, then the command ends as if it were done.
 * `wait` ends early then, and so does what is given the signal.
 */
export async function untilInterrupted<T>(
  work: (stopped: () => boolean, wait: Wait, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupted = new AbortController()
  const { signal } = interrupted
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    return await work(
      () => signal.aborted,
      (ms) => systemClock.wait(ms, signal),
      signal,
    )
  } finally {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
  }
}
