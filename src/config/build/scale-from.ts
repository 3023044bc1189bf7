import type { PointSettings, PointType } from '../../settings.ts'
import type { Path } from '../problem.ts'
import { anyOf } from '../suggest.ts'
import type { Findings } from './findings.ts'

const exponents: readonly PointType[] = ['int16', 'uint16', 'int32', 'uint32']

/** Checks that the points others take their scale from hold a power of ten; `path` leads to the points of the device. */
export function checkScaleFrom(findings: Findings, path: Path, points: readonly PointSettings[]): void {
  for (const point of points) {
    if (point.scaleFrom === undefined) continue
    const place = [...path, point.name, 'scale_from']
    const known = findings.names(path).filter((name) => name !== point.name)
    if (!known.includes(point.scaleFrom)) {
      findings.dangling(place, { kind: 'other point of this device', name: point.scaleFrom, known })
      continue
    }
    const source = points.find((one) => one.name === point.scaleFrom)
    const problem = source && problemOf(source) // else it is wrong itself, and told
    if (problem !== undefined) findings.error(place, `${point.scaleFrom} ${problem}`)
  }
}

function problemOf(source: PointSettings): string | undefined {
  if (source.access === 'wo') return 'is never read'
  if (!exponents.includes(source.type)) return `has type ${source.type}; a power of ten is ${anyOf(exponents)}`
  const isPlain = source.scale === 1 && source.offset === 0 && source.scaleFrom === undefined
  return isPlain ? undefined : 'is scaled itself; a power of ten is taken as it is'
}
