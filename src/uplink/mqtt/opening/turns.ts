import type { Closed } from '../../transport.ts'

/** A server that only a human can open to us is left alone for this long while there are others. */
const SLOW_REST_MS = 60_000
/** The same for one that says that another is to be used. */
const MOVED_REST_MS = 300_000

/** 0x9c use another server, 0x9d server moved: ours are those of the configuration, never one that a server names. */
const MOVED: ReadonlySet<string> = new Set(['refused_156', 'refused_157'])
/** What is about us and not about one of several servers, which belong together: the next one would say the same. */
const ABOUT_US: ReadonlySet<string> = new Set(['taken_over', 'refused_138', 'aborted', 'config'])

/**
 * Which of several servers is next. One that fails makes room for the next at once; only when all of them want to be left
 * alone is there a pause that is longer than usual. Pure but for what it remembers: times come from outside, in ms.
 */
export class Turns {
  readonly #restUntil: number[]
  #at = 0

  constructor(servers: number) {
    this.#restUntil = Array.from({ length: servers }, () => 0)
  }

  /** The number of the server to try now: the next that does not rest, else the one that has rested enough first. */
  next(now: number): number {
    const order = this.#restUntil.map((_, index) => (this.#at + index) % this.#restUntil.length)
    const soonest = Math.min(...this.#restUntil)
    return (
      order.find((index) => this.#rests(index) <= now) ?? order.find((index) => this.#rests(index) === soonest) ?? 0
    )
  }

  opened(server: number): void {
    this.#at = server
    this.#restUntil[server] = 0
  }

  /** No session came to be; gives what to do now. */
  failed(server: number, closed: Closed, now: number): Closed {
    this.#at = (server + 1) % this.#restUntil.length
    return this.#passedOn(server, closed, now)
  }

  /** A session ended; gives what to do now. Only a server that sends us away is left for another. */
  ended(server: number, closed: Closed, now: number): Closed {
    return MOVED.has(closed.reason) ? this.failed(server, closed, now) : closed
  }

  #passedOn(server: number, closed: Closed, now: number): Closed {
    if (this.#restUntil.length === 1 || ABOUT_US.has(closed.reason)) return closed
    const rest = MOVED.has(closed.reason) ? MOVED_REST_MS : closed.hurry === 'slow' ? SLOW_REST_MS : 0
    const restMs = Math.max(rest, closed.pauseMinMs ?? 0)
    this.#restUntil[server] = now + restMs
    const soonest = Math.min(...this.#restUntil)
    if (soonest > now) return { ...closed, pauseMinMs: soonest - now }
    const { pauseMinMs: _, ...atOnce } = closed
    return { ...atOnce, hurry: 'soon' }
  }

  #rests(server: number): number {
    return this.#restUntil[server] ?? 0
  }
}
