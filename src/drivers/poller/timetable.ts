import type { DeviceSettings, PointSettings } from '../../settings.ts'
import { cronTimes } from './cron.ts'
import { CronGroup, type Moment } from './cron-group.ts'
import {
  dueNow,
  groupsOf,
  nextDueAt,
  onNearestMultiple,
  onNextMultiple,
  type PollGroup,
  shortestInterval,
  takeTurn,
  withoutMissed,
} from './schedule.ts'

/** A wall clock that is set by less is followed at the next turn. */
const NOTICED_MS = 100

/** When which points of a device are read: by interval, on the monotonic clock, or by schedule, on the wall clock. */
export class Timetable {
  readonly #intervals: readonly PollGroup[]
  readonly #crons: readonly CronGroup[]
  #groups: readonly PollGroup[] = []
  /** Wall clock minus monotonic clock; undefined while the wall clock is not known. */
  #offsetMs: number | undefined
  #isFirst = true
  #mono = 0
  #wall = 0

  constructor(device: DeviceSettings) {
    this.#intervals = groupsOf(device, 0)
    const scheduled = device.points.filter((point) => point.schedule !== undefined && point.access !== 'wo')
    this.#crons = [...Map.groupBy(scheduled, (point) => point.schedule ?? '')].map(
      ([schedule, points]) => new CronGroup(schedule, points, cronTimes(schedule)),
    )
  }

  /** Is anything of it ever read? */
  get isEmpty(): boolean {
    return this.#crons.length === 0 && this.#intervals.length === 0
  }

  /** Has to look at the wall clock now and then. */
  get goesByWall(): boolean {
    return this.#crons.length > 0
  }

  /** Nothing is read before a scheduled time. */
  get isOnlyScheduled(): boolean {
    return this.#crons.length > 0 && this.#intervals.length === 0
  }

  /** The shortest interval: the measure for the pauses between probes. Infinity when there is none. */
  get shortestIntervalMs(): number {
    return shortestInterval(this.#intervals)
  }

  /** What is read together, and when. */
  get polls(): readonly ({ readonly points: readonly PointSettings[] } & (
    | { readonly intervalMs: number }
    | { readonly schedule: string }
  ))[] {
    const byInterval = this.#intervals.map(({ intervalMs, points }) => ({ intervalMs, points }))
    return [...byInterval, ...this.#crons.map(({ schedule, points }) => ({ schedule, points }))]
  }

  /** Intervals begin at `anchor`, unless they have begun. */
  begin(anchor: number): void {
    if (this.#groups.length === 0) this.#groups = this.#intervals.map((group) => ({ ...group, dueAt: anchor }))
  }

  /** Takes notice of the time. */
  look(now: Moment, isClockKnown: boolean): void {
    this.#mono = now.mono
    this.#wall = now.wall
    for (const cron of this.#crons) cron.look(now)
    if (!isClockKnown) return
    const offsetMs = now.wall - now.mono
    if (this.#offsetMs !== undefined && Math.abs(offsetMs - this.#offsetMs) < NOTICED_MS) return
    this.#offsetMs = offsetMs
    if (!this.#isFirst) this.#groups = onNearestMultiple(this.#groups, { now: now.mono, offsetMs })
  }

  /** On the monotonic clock; Infinity: never. */
  dueAt(): number {
    const cronInMs = Math.min(...this.#crons.map((cron) => cron.dueInMs(this.#wall)))
    return Math.min(nextDueAt(this.#groups), this.#mono + cronInMs)
  }

  /** Everything that is due at the time of the last look, and how many turns were missed because the bus was busy. */
  take(): { readonly points: readonly PointSettings[]; readonly missed: number } {
    const turn = takeTurn(this.#groups, this.#mono)
    this.#groups = this.#onGrid(turn.groups)
    const due = this.#crons.filter((cron) => cron.isDue)
    const missed = due.reduce((sum, cron) => sum + cron.take(), turn.missed)
    return { points: [...turn.points, ...due.flatMap((cron) => cron.points)], missed }
  }

  /** The turns that passed were not missed for want of time; of each only the last is still due. */
  forgive(): void {
    this.#groups = withoutMissed(this.#groups, this.#mono)
    for (const cron of this.#crons) cron.forgive()
  }

  /** Reads by interval are due at once; those by schedule only if their time passed. */
  readAllNow(): void {
    this.#groups = dueNow(this.#groups, this.#mono)
  }

  #onGrid(groups: readonly PollGroup[]): readonly PollGroup[] {
    const first = this.#isFirst
    this.#isFirst = false
    if (this.#offsetMs === undefined) return groups
    const grid = { now: this.#mono, offsetMs: this.#wall - this.#mono }
    return first ? onNextMultiple(groups, grid) : onNearestMultiple(groups, grid)
  }
}
