import { bitsOf } from '../../point-types.ts'
import type { PointType } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Point } from '../schema/point.ts'
import type { Findings } from './findings.ts'

type Marker = number | bigint

/** The `invalid` markers of a point as unsigned raw bits in byte order ABCD. Those that do not fit are told. */
export function buildMarkers(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly type: PointType },
): bigint[] {
  const { point, type } = options
  const place = [...path, 'invalid']
  if (point.invalid === undefined || bitsOf(type) === 0) return []
  const markers: readonly Marker[] = Array.isArray(point.invalid) ? point.invalid : [point.invalid]
  return markers.flatMap((marker, index) => {
    const at = Array.isArray(point.invalid) ? [...place, index] : place
    const hex = /^0[xo]/i.test(findings.source(at) ?? '')
    const raw = hex ? integerBits(type, marker) : valueBits(type, marker)
    if (raw !== undefined) return [raw]
    findings.error(at, `${findings.source(at) ?? marker} does not fit ${type}`, { hint: rangeOf(type) })
    return []
  })
}

/** A decimal marker is the value that is sent, before scaling. */
function valueBits(type: PointType, marker: Marker): bigint | undefined {
  if (type.startsWith('float')) return floatBits(type, Number(marker))
  return type.startsWith('bcd') ? digitBits(type, marker) : integerBits(type, marker)
}

/** Four bits for each decimal digit. */
function digitBits(type: PointType, marker: Marker): bigint | undefined {
  const digits = String(marker)
  return /^\d+$/.test(digits) && digits.length * 4 <= bitsOf(type) ? BigInt(`0x${digits}`) : undefined
}

/** A marker may be written signed (-32768) or as bits (0x8000), whatever the type. */
function integerBits(type: PointType, marker: Marker): bigint | undefined {
  if (typeof marker === 'number' && !Number.isInteger(marker)) return undefined
  const bits = bitsOf(type)
  const value = BigInt(marker)
  if (value >= 1n << BigInt(bits) || value < -(1n << BigInt(bits - 1))) return undefined
  return BigInt.asUintN(bits, value)
}

/** A decimal marker of a float is the value as the float holds it: -9999. */
function floatBits(type: PointType, value: number): bigint | undefined {
  const view = new DataView(new ArrayBuffer(8))
  if (type === 'float64') view.setFloat64(0, value)
  else if (type === 'float32') view.setFloat32(0, value)
  else return halfBits(value)
  return type === 'float64' ? view.getBigUint64(0) : BigInt(view.getUint32(0))
}

/** IEEE 754 binary16 of a value that has one exactly; others cannot be a marker. */
function halfBits(value: number): bigint | undefined {
  for (let bits = 0; bits < 0x1_0000; bits++) if (Object.is(fromHalf(bits), value)) return BigInt(bits)
  return undefined
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function rangeOf(type: PointType): string {
  const bits = bitsOf(type)
  if (type.startsWith('float')) return `0x0 to 0x${'F'.repeat(bits / 4)} as bits, or a value that ${type} can hold`
  if (type.startsWith('bcd')) return `0 to ${'9'.repeat(bits / 4)}, or 0x0 to 0x${'F'.repeat(bits / 4)} as bits`
  return `${-(1n << BigInt(bits - 1))} to 0x${'F'.repeat(bits / 4)} is possible`
}
