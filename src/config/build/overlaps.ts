import { widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Findings } from './findings.ts'

/**
 * Warns when one point begins in the middle of another: the usual sign of an address that is off by one. Points that begin
 * together (bits of one register, a value read in two ways) are meant.
 */
export function checkOverlaps(findings: Findings, path: Path, points: readonly PointSettings[]): void {
  for (const point of points) {
    const end = point.address + widthOf(point)
    const torn = points.find(
      (other) =>
        other.register === point.register &&
        other.address > point.address &&
        other.address < end &&
        other.type !== 'bit' &&
        other.type !== 'bits',
    )
    if (torn === undefined) continue
    findings.warning(
      [...path, torn.name],
      `begins inside ${point.name} (${point.register} ${point.address} to ${end - 1})`,
      {
        at: 'key',
        hint: 'is an address off by one?',
      },
    )
  }
}
