import type { PointSettings, PointType } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Point } from '../schema/point.ts'
import type { Findings } from './findings.ts'
import { type Inherited, reportOf } from './reported.ts'

type Traits = Pick<
  PointSettings,
  | 'name'
  | 'type'
  | 'scale'
  | 'offset'
  | 'precision'
  | 'invert'
  | 'unit'
  | 'kind'
  | 'plausible'
  | 'report'
  | 'expiresAfterMs'
>

const numeric = ['scale', 'offset', 'precision', 'scale_from', 'invalid', 'min', 'max', 'plausible']

/** What points of all drivers have in common. What is wrong is told. */
export function traitsOf(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly device: Inherited; readonly type: PointType },
): Traits {
  const { point, device, type } = options
  const isTruth = type === 'bit' || type === 'bool'
  if (isTruth || type === 'string') findings.refuse(path, numeric, `has no meaning for type ${type}`)
  if (type === 'string') findings.refuse(path, ['invert'], `has no meaning for type ${type}`)
  if (point.scale === 0) findings.error([...path, 'scale'], 'a scale of 0 makes every value the same')
  const expiresAfterMs = point.expires_after ?? device.expires_after
  const sign = point.invert ? -1 : 1
  return {
    name: String(path.at(-1)),
    type,
    scale: isTruth ? point.scale : sign * point.scale,
    offset: isTruth || point.offset === 0 ? point.offset : sign * point.offset,
    ...(point.precision === undefined ? {} : { precision: point.precision }),
    ...(point.invert && isTruth ? { invert: true } : {}),
    ...(point.unit === undefined ? {} : { unit: point.unit }),
    kind: point.kind,
    ...(point.plausible === undefined ? {} : { plausible: point.plausible }),
    ...reportOf(findings, path, { point, device, type }),
    ...(expiresAfterMs === undefined ? {} : { expiresAfterMs }),
  }
}

/** When the point is read: its own word, else that of its device. */
export function timesOf(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly device: Inherited },
): Pick<PointSettings, 'intervalMs' | 'schedule'> {
  const { point, device } = options
  checkTimes(findings, path)
  if (point.interval !== undefined) return { intervalMs: point.interval }
  const schedule = point.schedule ?? device.schedule
  // What is never read has no times.
  if (schedule === undefined || point.access === 'wo') return { intervalMs: device.interval }
  return { intervalMs: 0, schedule }
}

/** Of a device or a point: one of the two says when it is read. */
export function checkTimes(findings: Findings, path: Path): void {
  if (!findings.written([...path, 'interval']) || !findings.written([...path, 'schedule'])) return
  const hint = 'keep one of them'
  findings.error([...path, 'schedule'], 'schedule and interval exclude each other', { hint, at: 'key' })
}
