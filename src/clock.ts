/**
 * Time as the agent sees it. `mono` never jumps and is the same for all processes of a boot (CLOCK_MONOTONIC);
 * `wall` is whatever the machine believes, which on a Pi without a clock chip may be years off.
 */
export interface Clock {
  /** ms since boot. */
  mono(): number
  /** The same with its fractions, for distances of less than a millisecond. */
  precise(): number
  /** Unix time in ms. */
  wall(): number
  /**
   * Resolves after `ms`, of which timers count the whole ones only: who needs to be exact looks at `precise` and waits for
   * the rest. Resolves at once, without an error, when the signal is aborted.
   */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  mono: () => Math.floor(hrtimeMs()),
  precise: hrtimeMs,
  wall: () => Date.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
    }),
}

/** ms for people and programs that look at them: no more digits than are measured. */
export function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
