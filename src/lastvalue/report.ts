/** Report by exception: of what is read, only what is news becomes a record. Pure but for the memory of what was reported. */
import type { Reading, Sample, Value } from '../model.ts'
import type { DeviceSettings, PointSettings, ReportSettings } from '../settings.ts'

/** What was reported of a point last. */
export interface Reported {
  readonly sample: Sample
  /** CLOCK_MONOTONIC in ms of that reading. */
  readonly mono: number
}

/** Polls come a little early or late; a deadline that a poll just misses is not met a whole interval earlier for that. */
const LATE_MS = 250
/** A difference that equals the deadband but for the rounding of floating point does not exceed it. */
const ROUNDING = 1e-9

/** Takes out of readings what is no news. A point without `report` is always reported. */
export class Reports {
  /** Points with `report`, and what was reported of them last; by device. */
  readonly #devices = new Map<string, Map<string, { readonly point: PointSettings; last?: Reported }>>()

  readonly #untilNextMs: ((schedule: string) => number) | undefined

  /** `untilNextMs`: how long it is to the next time of a cron expression. Without it, that is not known. */
  constructor(
    devices: readonly DeviceSettings[],
    options: { readonly untilNextMs?: (schedule: string) => number } = {},
  ) {
    this.#untilNextMs = options.untilNextMs
    for (const { name, points } of devices) {
      const thinned = points.filter((point) => point.report !== undefined)
      if (thinned.length > 0) this.#devices.set(name, new Map(thinned.map((point) => [point.name, { point }])))
    }
  }

  /** The reading with the samples that are news; undefined when none is. What it gives counts as reported. */
  news(reading: Reading): Reading | undefined {
    const points = this.#devices.get(reading.device)
    if (!points) return reading
    const samples = reading.samples.filter((sample) => {
      const known = points.get(sample.point)
      if (!known) return true
      if (!isNews(this.#withNext(known.point), { sample, mono: reading.mono }, known.last)) return false
      known.last = { sample, mono: reading.mono }
      return true
    })
    return samples.length === 0 ? undefined : { ...reading, samples }
  }

  #withNext(point: PointSettings): Pick<PointSettings, 'report' | 'intervalMs'> {
    const { schedule, report } = point
    if (schedule === undefined || report?.atLeastEveryMs === undefined || !this.#untilNextMs) return point
    return { report, intervalMs: this.#untilNextMs(schedule) }
  }
}

/**
 * Is this sample to be reported? The first one is, one that differs by more than the deadband, one that comes when
 * `at_least_every` would be exceeded by the next (`intervalMs` later; 0: nobody knows when), and always one by which an error
 * begins, changes or ends.
 */
export function isNews(
  point: Pick<PointSettings, 'report' | 'intervalMs'>,
  now: Reported,
  last: Reported | undefined,
): boolean {
  const { report, intervalMs } = point
  if (!report || !last || isOverdue({ report, intervalMs }, now.mono - last.mono)) return true
  const [before, after] = [last.sample, now.sample]
  if (before.error !== undefined || after.error !== undefined) return before.error !== after.error
  return isFar(report.deadband, before.value, after.value)
}

function isOverdue(point: { readonly report: ReportSettings; readonly intervalMs: number }, agoMs: number): boolean {
  const { atLeastEveryMs } = point.report
  if (atLeastEveryMs === undefined) return false
  const lateMs = Math.min(LATE_MS, (point.intervalMs || atLeastEveryMs) / 2)
  if (point.intervalMs === 0) return agoMs + lateMs >= atLeastEveryMs // nobody knows when the next one comes
  return agoMs + point.intervalMs > atLeastEveryMs + lateMs
}

function isFar(deadband: ReportSettings['deadband'], before: Value, after: Value): boolean {
  if (Object.is(before, after)) return false
  if (!isNumeric(before) || !isNumeric(after)) return true
  if (deadband === undefined) return before !== after
  const distance = distanceOf(before, after)
  // NaN and infinities are reported as errors, and so are steps to and from them.
  if (typeof distance === 'number' && !Number.isFinite(distance)) return true
  const bound =
    'absolute' in deadband ? deadband.absolute : (Number(before < 0 ? -before : before) * deadband.percent) / 100
  return distance > bound * (1 + ROUNDING)
}

/** Exact for 64-bit integers. */
function distanceOf(before: number | bigint, after: number | bigint): number | bigint {
  if (typeof before === 'bigint' && typeof after === 'bigint') return before > after ? before - after : after - before
  return Math.abs(Number(after) - Number(before))
}

function isNumeric(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}
