/**
 * Register bytes to values and back. Pure. Bytes come as on the wire: two per register, high byte first within a register
 * (MODBUS Application Protocol V1.1b3, section 4.2), in the register order of the device.
 */
import type { Value } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'
import { scaleDown, toDecimal } from '../decimal.ts'
import { WriteError } from '../driver.ts'
import { applyScaling } from '../scaling.ts'
import { reorder, reorderText, widthOf } from './registers.ts'

/** A value, or the short code that stands in its place. */
export type Decoded =
  | { readonly value: Value; readonly error?: never }
  | { readonly value?: never; readonly error: string }

/** Half precision came to DataView after the library types in use here. */
interface HalfView {
  getFloat16(offset: number): number
  setFloat16(offset: number, value: number): void
}

/** Significant decimal digits that are enough for, and the fewest that can identify, a value of the narrow float types. */
const FLOAT_DIGITS = { float16: { least: 3, enough: 5 }, float32: { least: 6, enough: 9 } } as const

/**
 * Decodes one point from the bytes of its registers (exactly `widthOf(point)` of them). The error is `invalid`: the raw
 * value is one of the point's markers, or it is no finite number.
 */
export function decode(point: PointSettings, bytes: Uint8Array): Decoded {
  if (bytes.length !== widthOf(point) * 2) {
    throw new RangeError(`decoding ${point.name} takes ${widthOf(point) * 2} bytes, got ${bytes.length}`)
  }
  if (point.type === 'string') return { value: decodeText(reorderText(bytes, point.byteOrder)) }
  const ordered = reorder(bytes, point.byteOrder)
  if (isMarker(ordered, point.invalid)) return { error: 'invalid' }
  const word = ((ordered[0] ?? 0) << 8) | (ordered[1] ?? 0)
  if (point.type === 'bit') return { value: ((word >> point.bit) & 1) === 1 }
  if (point.type === 'bool') return { value: word !== 0 }
  const value = applyScaling(rawNumber(ordered, point.type), point)
  return value === undefined ? { error: 'invalid' } : { value }
}

/**
 * Encodes a value into the point's register bytes, rounded to the nearest step the device can hold. A point of type `bit`
 * cannot be encoded alone (the rest of its register belongs to others): see `withBit`. Throws WriteError `range`.
 */
export function encode(point: PointSettings, value: Value): Uint8Array {
  checkLimits(point, value)
  if (point.type === 'string') return reorderText(encodeText(point, value), point.byteOrder)
  if (point.type === 'bool' || point.type === 'bit') {
    return reorder(Uint8Array.of(0, encodeBoolean(point, value) ? 1 : 0), point.byteOrder)
  }
  return reorder(encodeNumber(point, value), point.byteOrder)
}

/** The boolean to write into a coil or a bit. 0 and 1 count as false and true. Throws WriteError `range`. */
export function encodeBoolean(point: PointSettings, value: Value): boolean {
  if (value === true || value === 1 || value === 1n) return true
  if (value === false || value === 0 || value === 0n) return false
  throw outOfRange(point, value, 'true, false, 1 or 0')
}

/** The register bytes with the point's bit set as asked, all other bits as they were. */
export function withBit(point: PointSettings, bytes: Uint8Array, on: boolean): Uint8Array {
  const ordered = reorder(bytes, point.byteOrder)
  const word = ((ordered[0] ?? 0) << 8) | (ordered[1] ?? 0)
  const changed = on ? word | (1 << point.bit) : word & ~(1 << point.bit)
  return reorder(Uint8Array.of((changed >> 8) & 0xff, changed & 0xff), point.byteOrder)
}

function isMarker(ordered: Uint8Array, markers: readonly bigint[]): boolean {
  if (markers.length === 0) return false
  let raw = 0n
  for (const byte of ordered) raw = (raw << 8n) | BigInt(byte)
  // A marker may be written signed (-32768) or unsigned (0x8000).
  return markers.some((marker) => BigInt.asUintN(ordered.length * 8, marker) === raw)
}

function rawNumber(ordered: Uint8Array, type: PointSettings['type']): number | bigint {
  const view = new DataView(ordered.buffer, ordered.byteOffset, ordered.length)
  switch (type) {
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
      return shortest((view as DataView & HalfView).getFloat16(0), type, toHalf)
    case 'float32':
      return shortest(view.getFloat32(0), type, Math.fround)
    case 'float64':
      return view.getFloat64(0)
    default:
      throw new TypeError(`${type} is not a number type`)
  }
}

/** The shortest decimal that is this value in its own width: 61.3, not the 61.29999923706055 a float32 widens to. */
function shortest(value: number, type: keyof typeof FLOAT_DIGITS, narrow: (value: number) => number): number {
  if (!Number.isFinite(value)) return value
  const { least, enough } = FLOAT_DIGITS[type]
  for (let digits: number = least; digits < enough; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (narrow(candidate) === value) return candidate
  }
  return Number(value.toPrecision(enough))
}

function toHalf(value: number): number {
  const view = new DataView(new ArrayBuffer(2)) as DataView & HalfView
  view.setFloat16(0, value)
  return view.getFloat16(0)
}

function encodeNumber(point: PointSettings, value: Value): Uint8Array {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw outOfRange(point, value, 'a number')
  if (typeof value === 'number' && !Number.isFinite(value)) throw outOfRange(point, value, 'a finite number')
  const bytes = new Uint8Array(widthOf(point) * 2)
  const view = new DataView(bytes.buffer)
  switch (point.type) {
    case 'float16':
      ;(view as DataView & HalfView).setFloat16(0, toHalf(fittingFloat(point, value, toHalf)))
      return bytes
    case 'float32':
      view.setFloat32(0, fittingFloat(point, value, Math.fround))
      return bytes
    case 'float64':
      view.setFloat64(0, fittingFloat(point, value, Number))
      return bytes
    default:
      return putInteger(bytes, fittingInteger(point, value, bytes.length * 8))
  }
}

function fittingFloat(point: PointSettings, value: number | bigint, narrow: (value: number) => number): number {
  const raw = narrow((Number(value) - point.offset) / point.scale)
  if (!Number.isFinite(raw)) throw outOfRange(point, value, `what a ${point.type} holds`)
  return raw
}

function fittingInteger(point: PointSettings, value: number | bigint, bits: number): bigint {
  const raw = scaleDown(toDecimal(value), toDecimal(point.scale), toDecimal(point.offset))
  const signed = point.type.startsWith('int')
  const least = signed ? -(1n << BigInt(bits - 1)) : 0n
  const most = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n
  if (raw < least || raw > most) throw outOfRange(point, value, `${least} to ${most} in the device (${point.type})`)
  return raw
}

function putInteger(bytes: Uint8Array, raw: bigint): Uint8Array {
  let rest = BigInt.asUintN(bytes.length * 8, raw)
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

/** Devices write ASCII or Latin-1, one byte a character; the text ends at the first NUL and is padded with blanks. */
function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end))
    .toString('latin1')
    .trimEnd()
}

function encodeText(point: PointSettings, value: Value): Uint8Array {
  const room = point.length * 2
  if (typeof value !== 'string') throw outOfRange(point, value, 'a text')
  if (value.length > room) throw outOfRange(point, value, `at most ${room} characters`)
  if (!isLatin1(value)) throw outOfRange(point, value, 'Latin-1 characters without NUL')
  const bytes = new Uint8Array(room)
  bytes.set(Buffer.from(value, 'latin1'))
  return bytes
}

function isLatin1(text: string): boolean {
  return [...text].every((character) => character > '\u0000' && character <= '\u00ff')
}

function checkLimits(point: PointSettings, value: Value): void {
  if (typeof value !== 'number' && typeof value !== 'bigint') return
  if (point.min !== undefined && value < point.min) throw outOfRange(point, value, `at least ${point.min}`)
  if (point.max !== undefined && value > point.max) throw outOfRange(point, value, `at most ${point.max}`)
}

function outOfRange(point: PointSettings, value: Value, allowed: string): WriteError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new WriteError('range', `writing ${shown} to ${point.name} is out of range: allowed is ${allowed}`, {
    happened: 'no',
    retriable: false,
  })
}
