import { bitsOf } from '../../point-types.ts'
import type { PointSettings, PointType } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Device } from '../schema/device.ts'
import { type Point, pointDefaults, pointTypes } from '../schema/point.ts'
import { anyOf } from '../suggest.ts'
import { checkBits, checkByteOrder } from './bits.ts'
import type { Findings } from './findings.ts'
import { buildMarkers } from './markers.ts'
import type { Inherited } from './reported.ts'
import type { Times } from './text-points.ts'
import { traitsOf } from './traits.ts'

const meaningless = ['ref', 'register', 'address', 'scale_from', 'min', 'max', 'interval', 'schedule']
const types = pointTypes.filter((type) => type !== 'number')
const bytewise: readonly PointType[] = ['bit', 'bits', 'bool']

/** A point of a frame of bytes. Undefined when it is wrong, which is told. */
export function buildBinaryPoint(
  findings: Findings,
  path: Path,
  options: {
    readonly point: Point
    readonly device: Inherited & Pick<Device, 'byte_order'>
    readonly times: Times
    /** Bytes of the whole frame; undefined: it says so itself. */
    readonly frameLength: number | undefined
  },
): PointSettings | undefined {
  const { point, device, times } = options
  const before = findings.errors.length
  findings.refuse(path, meaningless, 'has no meaning for a frame of bytes')
  if (point.access !== 'ro') {
    findings.error([...path, 'access'], 'a device that sends frames can only be read', { hint: 'remove it' })
  }
  const type = typeOf(findings, path, point)
  if (point.at === undefined && !findings.attempted([...path, 'at'])) {
    const hint = 'positions count from 0'
    findings.error(path, 'missing "at": the position of its first byte in the frame', { hint, at: 'key' })
  }
  if (type === undefined || point.at === undefined) return undefined
  checkBits(findings, path, { point, type, bits: 8 })
  if (type === 'string' && !findings.attempted([...path, 'length'])) {
    findings.error(path, 'missing "length": how many bytes the text takes', { at: 'key' })
  }
  if (type !== 'string') findings.refuse(path, ['length'], `has no meaning for type ${type}`)
  checkByteOrder(findings, path, { point, type })
  checkEnd(findings, path, { at: point.at, bytes: bytesOf(type, point), frameLength: options.frameLength })
  const built: PointSettings = {
    ...traitsOf(findings, path, { point, device, type }),
    access: 'ro',
    ...times,
    register: pointDefaults.register,
    address: point.at,
    byteOrder: orderOf(type, { point, device }),
    bit: point.bit ?? 0,
    ...(point.width === undefined ? {} : { width: point.width }),
    length: point.length ?? 1,
    invalid: buildMarkers(findings, path, { point, type }),
  }
  return findings.errors.length === before ? built : undefined
}

function typeOf(findings: Findings, path: Path, point: Point): PointType | undefined {
  if (point.type === 'number') {
    const hint = `in a frame there is ${anyOf(types)}`
    findings.error([...path, 'type'], 'number is the type of text devices', { hint })
    return undefined
  }
  if (point.type === undefined && !findings.attempted([...path, 'type'])) {
    findings.error(path, 'missing "type": how to read the bytes', { hint: anyOf(types), at: 'key' })
  }
  return point.type
}

function checkEnd(
  findings: Findings,
  path: Path,
  options: { at: number; bytes: number; frameLength: number | undefined },
): void {
  const { at, bytes, frameLength } = options
  if (frameLength === undefined || at + bytes <= frameLength) return
  const last = at + bytes - 1
  findings.error([...path, 'at'], `ends at byte ${last}, and the last byte of the frame is ${frameLength - 1}`)
}

function bytesOf(type: PointType, point: Point): number {
  if (type === 'string') return point.length ?? 1
  return bytewise.includes(type) ? 1 : bitsOf(type) / 8
}

/** A device that sends the least significant byte first does so in all sizes. */
function orderOf(
  type: PointType,
  { point, device }: { point: Point; device: Pick<Device, 'byte_order'> },
): PointSettings['byteOrder'] {
  if (point.byte_order !== undefined) return point.byte_order
  if (bytewise.includes(type) || bitsOf(type) < 16) return pointDefaults.byteOrder
  if (bitsOf(type) > 16) return device.byte_order
  return device.byte_order === 'DCBA' || device.byte_order === 'BADC' ? 'BADC' : 'ABCD'
}
