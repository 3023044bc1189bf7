import { type Clock, systemClock } from '../../src/clock.ts'

/**
 * The clock of an uplink that lives `times` as fast: minutes of pauses pass in fractions of a second. What is compared
 * with a stamp of another clock is not to be trusted.
 */
export function hurriedClock(times: number): Clock {
  const precise = () => systemClock.precise() * times
  return {
    mono: () => Math.floor(precise()),
    precise,
    wall: systemClock.wall,
    wait: (ms, signal) => systemClock.wait(ms / times, signal),
  }
}
