import type { PointSettings, PointType, ReportSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Device } from '../schema/device.ts'
import type { Point } from '../schema/point.ts'
import type { Findings } from './findings.ts'

/** What a point takes over from its device where it says nothing itself. */
export type Inherited = Pick<
  Device,
  'interval' | 'schedule' | 'expires_after' | 'report' | 'deadband' | 'at_least_every'
>

const withoutSize: readonly PointType[] = ['bit', 'bool', 'string']

/** When a reading of the point is sent: its own words, else those of its device. */
export function reportOf(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly device: Inherited; readonly type: PointType },
): Pick<PointSettings, 'report'> {
  const { point, device, type } = options
  const hasSize = !withoutSize.includes(type)
  if (!hasSize) findings.refuse(path, ['deadband'], `has no meaning for type ${type}`)
  if (point.access === 'wo') {
    findings.refuse(
      path,
      ['report', 'deadband', 'at_least_every', 'schedule'],
      'has no meaning: the point is never read',
    )
    return {}
  }
  if ((point.report ?? device.report) !== 'on_change') {
    if (point.report === undefined && findings.attempted([...path, 'report'])) return {} // wrong, and told
    for (const key of ['deadband', 'at_least_every']) {
      if (findings.written([...path, key])) needsOnChange(findings, [...path, key])
    }
    return {}
  }
  const deadband = hasSize ? (point.deadband ?? device.deadband) : undefined
  const atLeastEveryMs = point.at_least_every ?? device.at_least_every
  if (atLeastEveryMs === undefined && (point.expires_after ?? device.expires_after) !== undefined) {
    const key = ['expires_after', 'report'].find((word) => findings.written([...path, word]))
    if (key !== undefined) changeMayBeLost(findings, [...path, key])
  }
  return { report: { ...deadbandOf(deadband), ...(atLeastEveryMs === undefined ? {} : { atLeastEveryMs }) } }
}

/** Checks what stands at a device for all its points. */
export function checkReporting(findings: Findings, path: Path, device: Device): void {
  const points = Object.values(device.points ?? {})
  if (device.report === 'on_change' && device.expires_after !== undefined && device.at_least_every === undefined) {
    if (findings.written([...path, 'expires_after'])) changeMayBeLost(findings, [...path, 'expires_after'])
  }
  if (device.report === 'on_change' || points.some((point) => point.report === 'on_change')) return
  for (const key of ['deadband', 'at_least_every']) {
    if (findings.written([...path, key])) needsOnChange(findings, [...path, key])
  }
}

/** What was reported last is what the next reading is compared with, also when it expired before it was sent. */
function changeMayBeLost(findings: Findings, path: Path): void {
  findings.warning(path, 'with report: on_change, a change that expires before it can be sent is not sent again', {
    hint: 'add at_least_every: the value is then sent again, changed or not',
    at: 'key',
  })
}

function needsOnChange(findings: Findings, path: Path): void {
  findings.error(path, `${path.at(-1)} needs report: on_change; every reading is sent as it is`, {
    hint: 'add report: on_change, or remove it',
    at: 'key',
  })
}

function deadbandOf(given: Point['deadband']): Pick<ReportSettings, 'deadband'> {
  if (given === undefined) return {}
  const deadband = typeof given === 'number' ? { absolute: given } : { percent: given.percent }
  return Object.values(deadband)[0] === 0 ? {} : { deadband }
}
