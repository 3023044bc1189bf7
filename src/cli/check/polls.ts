/** What of a device is read together, and how often. Pure. */
import { cronTimes } from '../../drivers/poller/cron.ts'
import { groupsOf } from '../../drivers/poller/schedule.ts'
import type { ConnectionSettings, DeviceSettings, PointSettings } from '../../settings.ts'

export interface Poll {
  /** Of a schedule: the mean distance of its times while it is due, as far as they follow each other. */
  readonly everyMs: number
  readonly schedule?: string
  readonly points: readonly PointSettings[]
}

/** A Monday, so that a forecast does not depend on the day it is made. */
const START = new Date(2026, 0, 5).getTime()
/** So many times of a schedule are enough to see how close they are. */
const TIMES = 60
/** Of a schedule without a second time. */
const NEVER_MS = 10 * 365 * 86_400_000

/** By interval, the shortest first, then by schedule. */
export function pollsOf(device: DeviceSettings): readonly Poll[] {
  const intervals = groupsOf(device, 0).map(({ intervalMs, points }) => ({ everyMs: intervalMs, points }))
  const scheduled = device.points.filter((point) => point.schedule !== undefined && point.access !== 'wo')
  const schedules = Map.groupBy(scheduled, (point) => point.schedule ?? '')
  return [
    ...intervals.sort((a, b) => a.everyMs - b.everyMs),
    ...[...schedules].map(([schedule, points]) => ({ everyMs: meanMs(schedule), schedule, points })),
  ]
}

/** It sends messages that nobody asked for. */
export function speaksByItself(connection: ConnectionSettings, device: DeviceSettings): boolean {
  return !connection.type.startsWith('modbus-') && device.request === undefined
}

function meanMs(schedule: string): number {
  const next = cronTimes(schedule)
  const first = next(START)
  let last = first
  let times = 0
  for (; times < TIMES; times++) {
    const time = next(last)
    if (!Number.isFinite(time)) break
    last = time
  }
  return times === 0 ? NEVER_MS : (last - first) / times
}
