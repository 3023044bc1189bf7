/**
 * Register bytes to values. Pure. Bytes come as on the wire: two per register, high byte first within a register (MODBUS
 * Application Protocol V1.1b3, section 4.2), in the register order of the device.
 */
import type { Value } from '../../model.ts'
import { widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import { applyScaling } from '../scaling.ts'
import { readFloat } from './floats.ts'
import { reorder, reorderText } from './registers.ts'

/** A value, or the short code that stands in its place. */
export type Decoded =
  | { readonly value: Value; readonly error?: never }
  | { readonly value?: never; readonly error: string }

export interface CodecOptions {
  /** The power of ten that `scaleFrom` stands for; without it such a point has no value. */
  readonly power?: number
}

/** SunSpec Information Model Specification, data type sunssf: -10 to 10; 0x8000, which is far outside, is "not there". */
const POWER_MAX = 10

/**
 * Decodes one point from the bytes of its registers (exactly `widthOf(point)` of them). The error is `invalid`: the raw
 * value is one of the point's markers, it is no finite number, or it has a digit above 9 (bcd), or no power of ten is known
 * for it.
 */
export function decode(point: PointSettings, bytes: Uint8Array, options: CodecOptions = {}): Decoded {
  if (bytes.length !== widthOf(point) * 2) {
    throw new RangeError(`decoding ${point.name} takes ${widthOf(point) * 2} bytes, got ${bytes.length}`)
  }
  if (point.type === 'string') return { value: decodeText(reorderText(bytes, point.byteOrder)) }
  const ordered = reorder(bytes, point.byteOrder)
  if (isMarker(ordered, point.invalid)) return { error: 'invalid' }
  const word = ((ordered[0] ?? 0) << 8) | (ordered[1] ?? 0)
  if (point.type === 'bit') return { value: decodeBit(point, ((word >> point.bit) & 1) === 1) }
  if (point.type === 'bool') return { value: decodeBit(point, word !== 0) }
  if (point.scaleFrom !== undefined && options.power === undefined) return { error: 'invalid' }
  const raw = rawNumber(ordered, point)
  const value = raw === undefined ? undefined : applyScaling(raw, point, options.power)
  return value === undefined ? { error: 'invalid' } : { value }
}

/** The value of a coil, a discrete input or a bit. */
export function decodeBit(point: PointSettings, on: boolean): boolean {
  return on !== (point.invert ?? false)
}

/** The power of ten that a point named by `scaleFrom` holds; undefined when it holds none. */
export function decodePower(point: PointSettings, bytes: Uint8Array): number | undefined {
  const { value } = decode(point, bytes)
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= POWER_MAX ? value : undefined
}

function isMarker(ordered: Uint8Array, markers: readonly bigint[]): boolean {
  if (markers.length === 0) return false
  let raw = 0n
  for (const byte of ordered) raw = (raw << 8n) | BigInt(byte)
  // A marker may be written signed (-32768) or unsigned (0x8000).
  return markers.some((marker) => BigInt.asUintN(ordered.length * 8, marker) === raw)
}

function rawNumber(ordered: Uint8Array, point: PointSettings): number | bigint | undefined {
  const view = new DataView(ordered.buffer, ordered.byteOffset, ordered.length)
  switch (point.type) {
    case 'int16':
      return view.getInt16(0)
    case 'uint16':
    case 'number':
      return view.getUint16(0)
    case 'int32':
      return view.getInt32(0)
    case 'uint32':
      return view.getUint32(0)
    case 'int64':
      return view.getBigInt64(0)
    case 'uint64':
      return view.getBigUint64(0)
    case 'float16':
    case 'float32':
    case 'float64':
      return readFloat(view, point.type)
    case 'bcd16':
    case 'bcd32':
      return decodeBcd(ordered)
    case 'bits':
      return (view.getUint16(0) >> point.bit) & (2 ** (point.width ?? 1) - 1)
    default:
      throw new TypeError(`${point.type} is not a number type`)
  }
}

/** Four bits a digit. A nibble above 9 is no digit, so there is no number. */
function decodeBcd(ordered: Uint8Array): number | undefined {
  const digits = Buffer.from(ordered).toString('hex')
  return /^\d+$/.test(digits) ? Number(digits) : undefined
}

/** Devices write ASCII or Latin-1, one byte a character; the text ends at the first NUL and is padded with blanks. */
function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end))
    .toString('latin1')
    .trimEnd()
}
