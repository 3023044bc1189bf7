import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, systemClock } from '../../clock.ts'

/** Timers fire up to so much too late, and never between two milliseconds. */
const TIMER_ERROR_MS = 1.5

/**
 * The clock of a simulated line, where a millisecond is a whole character: `mono` has fractions, and `wait` ends within
 * some ten microseconds of its time. The last part of a wait is spent turning the event loop, which takes processor time.
 */
export const preciseClock: Clock = {
  mono: systemClock.precise,
  precise: systemClock.precise,
  wall: systemClock.wall,
  async wait(ms, signal) {
    const end = systemClock.precise() + ms
    if (ms > TIMER_ERROR_MS) await systemClock.wait(Math.floor(ms - TIMER_ERROR_MS), signal)
    while (systemClock.precise() < end && !signal?.aborted) await turn()
  },
}
