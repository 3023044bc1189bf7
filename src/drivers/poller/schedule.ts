/**
 * When which points are due. Pure: times are CLOCK_MONOTONIC in ms, so no step of the wall clock fires anything. Where the
 * wall clock is known, due times are put on its multiples of the interval: every ten seconds means :00, :10, :20 ...
 */
import type { DeviceSettings, PointSettings } from '../../settings.ts'

/** The points of a device that are read at the same interval. */
export interface PollGroup {
  readonly intervalMs: number
  readonly points: readonly PointSettings[]
  /** Due at `anchor + n * intervalMs`, until the wall clock is known. */
  readonly dueAt: number
}

/**
 * The groups of a device, all due first at `anchor`; since they share it, an interval that is a multiple of another
 * falls together with it and both are read in one go.
 */
export function groupsOf(device: DeviceSettings, anchor: number): readonly PollGroup[] {
  const byInterval = new Map<number, PointSettings[]>()
  for (const point of device.points) {
    if (point.access === 'wo' || point.intervalMs <= 0) continue
    const points = byInterval.get(point.intervalMs) ?? []
    byInterval.set(point.intervalMs, [...points, point])
  }
  return [...byInterval].map(([intervalMs, points]) => ({ intervalMs, points, dueAt: anchor }))
}

/** What one poll of a device reads, and the schedule after it. */
export interface Turn {
  readonly points: readonly PointSettings[]
  readonly groups: readonly PollGroup[]
  /** Turns that were missed because the bus was busy: counted, never made up for. */
  readonly missed: number
}

/** Everything that is due at `now`. The next due time is the first one after now. */
export function takeTurn(groups: readonly PollGroup[], now: number): Turn {
  const points: PointSettings[] = []
  let missed = 0
  const after = groups.map((group) => {
    if (group.dueAt > now) return group
    points.push(...group.points)
    const passed = Math.floor((now - group.dueAt) / group.intervalMs)
    missed += passed
    return { ...group, dueAt: group.dueAt + (passed + 1) * group.intervalMs }
  })
  return { points, groups: after, missed }
}

/** How a wall clock that is known shifts due times. */
export interface Grid {
  readonly now: number
  /** Wall clock minus CLOCK_MONOTONIC. */
  readonly offsetMs: number
}

/** What is not due yet, at the first multiple of its interval after now: for the turns after the first one. */
export function onNextMultiple(groups: readonly PollGroup[], { now, offsetMs }: Grid): readonly PollGroup[] {
  return groups.map((group) => {
    if (group.dueAt <= now) return group
    return { ...group, dueAt: now + group.intervalMs - remainder(now + offsetMs, group.intervalMs) }
  })
}

/**
 * What is not due yet, at the multiple of its interval that is nearest to its time: the clock was set, or drifts. So between
 * two turns there is never less than half an interval, and nothing that is not due becomes so.
 */
export function onNearestMultiple(groups: readonly PollGroup[], { now, offsetMs }: Grid): readonly PollGroup[] {
  return groups.map((group) => {
    if (group.dueAt <= now) return group
    const { intervalMs } = group
    const over = remainder(group.dueAt + offsetMs, intervalMs)
    const dueAt = over * 2 > intervalMs ? group.dueAt + intervalMs - over : group.dueAt - over
    return { ...group, dueAt: dueAt > now ? dueAt : dueAt + intervalMs }
  })
}

/** Not negative, also before 1970. */
function remainder(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}

/** All groups due at once, at their old times again afterwards: for a device that answers again. */
export function dueNow(groups: readonly PollGroup[], now: number): readonly PollGroup[] {
  return groups.map((group) => {
    if (group.dueAt <= now) return group
    const turns = Math.ceil((group.dueAt - now) / group.intervalMs)
    return { ...group, dueAt: group.dueAt - turns * group.intervalMs }
  })
}

/** Of several turns that passed only the last is still due: for a device that was left alone on purpose. */
export function withoutMissed(groups: readonly PollGroup[], now: number): readonly PollGroup[] {
  return groups.map((group) => {
    if (group.dueAt > now) return group
    const passed = Math.floor((now - group.dueAt) / group.intervalMs)
    return { ...group, dueAt: group.dueAt + passed * group.intervalMs }
  })
}

/** When the device is due next; Infinity when it is never polled. */
export function nextDueAt(groups: readonly PollGroup[]): number {
  return Math.min(...groups.map((group) => group.dueAt))
}

/** The shortest interval: the measure for the pauses between probes. Infinity when the device is never polled. */
export function shortestInterval(groups: readonly PollGroup[]): number {
  return Math.min(...groups.map((group) => group.intervalMs))
}
