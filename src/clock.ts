import { setTimeout as delay } from 'node:timers/promises'

/**
 * Time as the agent sees it. `mono` never jumps and is the same for all processes of a boot (CLOCK_MONOTONIC);
 * `wall` is whatever the machine believes, which on a Pi without a clock chip may be years off.
 */
export interface Clock {
  /** ms since boot. */
  mono(): number
  /** Unix time in ms. */
  wall(): number
  /** Resolves after `ms`; resolves at once, without an error, when the signal is aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  mono() {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1000 + Math.floor(nanoseconds / 1e6)
  },
  wall: () => Date.now(),
  async wait(ms, signal) {
    if (signal?.aborted) return
    try {
      await delay(ms, undefined, signal ? { signal } : undefined)
    } catch (error) {
      if (!signal?.aborted) throw error
    }
  },
}
