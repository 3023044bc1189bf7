import { mock } from 'node:test'
import { type Clock, systemClock } from '../../src/clock.ts'

/**
 * A clock that stands still until the test moves it, together with `setTimeout` and `setInterval`. One per process at a
 * time: `stop` gives the timers back.
 */
export class OutboxClock implements Clock {
  #mono = 1_000_000
  /** ms that have passed in truth, whatever the clocks say. */
  elapsed = 0
  #wall = 1_763_683_200_000

  constructor() {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  }

  mono(): number {
    return this.#mono
  }

  precise(): number {
    return this.#mono
  }

  wall(): number {
    return this.#wall
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, ms)
    })
  }

  /** Time passes; timers that are due go off, each at its own time. */
  advance(ms: number): void {
    for (let left = ms; left > 0; ) {
      const step = Math.min(left, 50)
      this.#mono += step
      this.#wall += step
      this.elapsed += step
      left -= step
      mock.timers.tick(step)
    }
  }

  /** The machine is booted: CLOCK_MONOTONIC begins again. */
  boot(): void {
    this.#mono = 500
    this.elapsed += 500
  }

  /** Somebody sets the wall clock. */
  stepWall(ms: number): void {
    this.#wall += ms
  }

  stop(): void {
    mock.timers.reset()
  }
}

/** Lets everything that is ready run: promises and one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The real clocks, set forward or back by the test; nothing waits for it. */
export class SteppedClock implements Clock {
  monoStep = 0
  wallStep = 0

  mono(): number {
    return systemClock.mono() + this.monoStep
  }

  precise(): number {
    return systemClock.precise() + this.monoStep
  }

  wall(): number {
    return systemClock.wall() + this.monoStep + this.wallStep
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.wait(ms, signal)
  }
}
