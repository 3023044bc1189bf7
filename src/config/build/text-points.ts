import type { PointSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import { type Point, pointDefaults } from '../schema/point.ts'
import { anyOf } from '../suggest.ts'
import type { Findings } from './findings.ts'
import type { Inherited } from './reported.ts'
import { traitsOf } from './traits.ts'

const meaningless = [
  'ref',
  'register',
  'address',
  'at',
  'bit',
  'width',
  'length',
  'byte_order',
  'scale_from',
  'min',
  'max',
  'interval',
  'schedule',
]
/** When the device is asked; all its points come in one message. */
export type Times = Pick<PointSettings, 'intervalMs' | 'schedule'>

const types = ['number', 'string', 'bool'] as const

/** A point of a text device: what the named group of the pattern holds. Undefined when it is wrong, which is told. */
export function buildTextPoint(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly device: Inherited; readonly times: Times },
): PointSettings | undefined {
  const { point, device, times } = options
  const before = findings.errors.length
  findings.refuse(path, meaningless, 'has no meaning for a text device')
  if (point.access !== 'ro') {
    findings.error([...path, 'access'], 'a text device can only be read', { hint: 'remove it' })
  }
  const type = point.type ?? pointDefaults.textType
  if (!types.some((one) => one === type)) {
    const hint = `write ${type === 'bit' ? 'bool' : 'number'}, or remove it`
    findings.error([...path, 'type'], `a text device has ${anyOf(types)}, got ${type}`, { hint })
  }
  const traits = traitsOf(findings, path, { point, device, type })
  const invalid = markersOf(findings, path, point)
  if (findings.errors.length > before) return undefined
  return {
    ...traits,
    access: 'ro',
    ...times,
    register: pointDefaults.register,
    address: 0,
    byteOrder: pointDefaults.byteOrder,
    bit: 0,
    length: 1,
    invalid,
  }
}

/** Numbers in the text that mean "no value". */
function markersOf(findings: Findings, path: Path, point: Point): bigint[] {
  const given = Array.isArray(point.invalid) ? point.invalid : point.invalid === undefined ? [] : [point.invalid]
  return given.flatMap((marker) => {
    if (typeof marker === 'bigint') return [marker]
    if (Number.isInteger(marker)) return [BigInt(marker)]
    findings.error([...path, 'invalid'], `${marker} is not a whole number`)
    return []
  })
}
