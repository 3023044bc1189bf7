import type { PointSettings } from '../../settings.ts'
import type { NextTime } from './cron.ts'

/** What the clocks say, in ms. */
export interface Moment {
  /** CLOCK_MONOTONIC. */
  readonly mono: number
  /** Unix time, as the machine believes. */
  readonly wall: number
}

/** More than the clocks drift between two looks: the wall clock was set. */
const STEP_MS = 1_000
/** A clock that is set forward by up to this passes over times that are made up for; by more, it was wrong before. */
const FORWARD_MAX_MS = 3_600_000
/** Stretches of time that are remembered, so that they do not count twice when the clock is set back and forth. */
const STRETCHES_KEPT = 16
/** Scheduled times that are counted in one look; beyond it nobody wants to know how many were missed. */
const MISSED_COUNTED_MAX = 10_000

/** Wall time that was lived through: after `from`, up to and including `to`. */
interface Stretch {
  readonly from: number
  readonly to: number
}

/**
 * The points of a device that are read by one schedule. It goes by the wall clock as it is; a time that was lived through
 * once is over, so no step of the clock makes it due again, and one that the clock skipped by a little is made up for.
 */
export class CronGroup {
  readonly schedule: string
  readonly points: readonly PointSettings[]
  readonly #next: NextTime
  #last: Moment | undefined
  #nextWall = Number.NEGATIVE_INFINITY
  #lived: readonly Stretch[] = []
  #due = 0

  constructor(schedule: string, points: readonly PointSettings[], next: NextTime) {
    this.schedule = schedule
    this.points = points
    this.#next = next
  }

  get isDue(): boolean {
    return this.#due > 0
  }

  /** How long until it is due, if nobody sets the clock. */
  dueInMs(wall: number): number {
    return this.isDue ? 0 : Math.max(0, this.#nextWall - wall)
  }

  /** Takes notice of the time; has to be called now and then, because nobody says when the clock is set. */
  look(now: Moment): void {
    const last = this.#last ?? now
    this.#last = now
    const elapsedMs = now.mono - last.mono
    const stepMs = now.wall - last.wall - elapsedMs
    const isSet = Math.abs(stepMs) > STEP_MS
    if (!isSet && now.wall < this.#nextWall && now.wall >= last.wall) {
      if (now.wall > last.wall) this.#live({ from: last.wall, to: now.wall })
      return
    }
    const from = isSet && (stepMs < 0 || stepMs > FORWARD_MAX_MS) ? now.wall - elapsedMs : last.wall
    for (const gap of without({ from, to: now.wall }, this.#lived)) this.#due += this.#timesIn(gap)
    this.#live({ from, to: now.wall })
    this.#nextWall = this.#nextAfter(now.wall)
  }

  /** It is read now: how many scheduled times passed without being read. */
  take(): number {
    const missed = Math.max(0, this.#due - 1)
    this.#due = 0
    return missed
  }

  /** What it missed was not for want of time: of several scheduled times one is still due. */
  forgive(): void {
    this.#due = Math.min(this.#due, 1)
  }

  #timesIn(gap: Stretch): number {
    let count = 0
    for (let time = this.#next(gap.from); time <= gap.to && count < MISSED_COUNTED_MAX; time = this.#next(time))
      count += 1
    return count
  }

  /** The first scheduled time from now on that was not lived through already. */
  #nextAfter(wall: number): number {
    let time = this.#next(wall)
    for (const { from, to } of [...this.#lived].sort((a, b) => a.from - b.from)) {
      if (time > from && time <= to) time = this.#next(to)
    }
    return time
  }

  #live(stretch: Stretch): void {
    const apart = this.#lived.filter(({ from, to }) => to < stretch.from || from > stretch.to)
    const met = this.#lived.filter(({ from, to }) => to >= stretch.from && from <= stretch.to)
    const merged = met.reduce(
      (one, other) => ({ from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) }),
      stretch,
    )
    // The one under way is the last, so that it is never forgotten.
    this.#lived = [...apart.slice(1 - STRETCHES_KEPT), merged]
  }
}

/** The parts of a stretch that none of the others covers. */
function without(stretch: Stretch, others: readonly Stretch[]): readonly Stretch[] {
  return others.reduce<readonly Stretch[]>(
    (parts, other) =>
      parts.flatMap((part) => {
        if (other.to <= part.from || other.from >= part.to) return [part]
        const before = other.from > part.from ? [{ from: part.from, to: other.from }] : []
        const after = other.to < part.to ? [{ from: other.to, to: part.to }] : []
        return [...before, ...after]
      }),
    stretch.to > stretch.from ? [stretch] : [],
  )
}
