/** Values to register bytes: the way back of `codec.ts`. Pure. Whatever does not fit throws WriteError `range`. */
import type { Value } from '../../model.ts'
import { integerRangeOf, widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import { scaleDown, toDecimal, toNumber, unscale } from '../decimal.ts'
import { WriteError } from '../driver.ts'
import { applyScaling, factorOf } from '../scaling.ts'
import type { CodecOptions } from './codec.ts'
import { type FloatType, narrow, shortest, writeFloat } from './floats.ts'
import { reorder, reorderText } from './registers.ts'

/** What function 22 does to a register: (register & and) | (or & ~and). Both as on the wire. */
export interface Masks {
  readonly and: number
  readonly or: number
}

/**
 * Encodes a value into the point's register bytes, rounded to the nearest step the device can hold. Points of type `bit`
 * and `bits` cannot be encoded alone (the rest of their register belongs to others): see `encodeMasks`.
 */
export function encode(point: PointSettings, value: Value, options: CodecOptions = {}): Uint8Array {
  checkLimits(point, { value, held: value })
  if (point.type === 'string') return reorderText(encodeText(point, value), point.byteOrder)
  if (point.type === 'bool' || point.type === 'bit') {
    return reorder(Uint8Array.of(0, encodeBoolean(point, value) ? 1 : 0), point.byteOrder)
  }
  return reorder(encodeNumber(point, value, options), point.byteOrder)
}

/** What to put into a coil or a bit. 0 and 1 count as false and true. */
export function encodeBoolean(point: PointSettings, value: Value): boolean {
  const inverted = point.invert ?? false
  if (value === true || value === 1 || value === 1n) return !inverted
  if (value === false || value === 0 || value === 0n) return inverted
  throw outOfRange(point, { value, allowed: 'true, false, 1 or 0' })
}

/** How the register changes by which a point of type `bit` or `bits` gets a value. */
export function encodeMasks(point: PointSettings, value: Value): Masks {
  checkLimits(point, { value, held: value })
  const width = point.type === 'bits' ? (point.width ?? 1) : 1
  const raw = point.type === 'bits' ? Number(fittingInteger(point, value, {})) : Number(encodeBoolean(point, value))
  const field = (2 ** width - 1) << point.bit
  return { and: onWire(0xffff & ~field, point), or: onWire(raw << point.bit, point) }
}

/** The register bytes changed by the masks, all other bits as they were. */
export function applyMasks(bytes: Uint8Array, { and, or }: Masks): Uint8Array {
  const word = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
  return bytesOf((word & and) | (or & ~and))
}

function onWire(word: number, point: PointSettings): number {
  const [high = 0, low = 0] = reorder(bytesOf(word), point.byteOrder)
  return (high << 8) | low
}

function bytesOf(word: number): Uint8Array {
  return Uint8Array.of((word >> 8) & 0xff, word & 0xff)
}

function encodeNumber(point: PointSettings, value: Value, options: CodecOptions): Uint8Array {
  const bytes = new Uint8Array(widthOf(point) * 2)
  switch (point.type) {
    case 'float16':
    case 'float32':
    case 'float64': {
      const raw = fittingFloat({ ...point, type: point.type }, value, options)
      writeFloat(new DataView(bytes.buffer), point.type, raw)
      return bytes
    }
    case 'bcd16':
    case 'bcd32': {
      const digits = String(fittingInteger(point, value, options)).padStart(bytes.length * 2, '0')
      return Uint8Array.from(Buffer.from(digits, 'hex'))
    }
    default:
      return putInteger(bytes, fittingInteger(point, value, options))
  }
}

function fittingFloat(point: PointSettings & { type: FloatType }, value: Value, { power }: CodecOptions): number {
  const decimal = toDecimal(finite(point, value))
  const raw = narrow(toNumber(unscale(decimal, factorOf(point, power), toDecimal(point.offset))), point.type)
  if (!Number.isFinite(raw)) throw outOfRange(point, { value, allowed: `what a ${point.type} holds` })
  checkLimits(point, { value, held: applyScaling(shortest(raw, point.type), point, power) })
  return raw
}

function fittingInteger(point: PointSettings, value: Value, { power }: CodecOptions): bigint {
  const raw = scaleDown(toDecimal(finite(point, value)), factorOf(point, power), toDecimal(point.offset))
  const range = integerRangeOf(point)
  if (!range) throw new TypeError(`${point.type} is not an integer type`)
  const { least, most } = range
  if (raw < least || raw > most)
    throw outOfRange(point, { value, allowed: `${least} to ${most} in the device (${point.type})` })
  checkLimits(point, { value, held: applyScaling(raw, point, power) })
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

function encodeText(point: PointSettings, value: Value): Uint8Array {
  const room = point.length * 2
  if (typeof value !== 'string') throw outOfRange(point, { value, allowed: 'a text' })
  if (value.length > room) throw outOfRange(point, { value, allowed: `at most ${room} characters` })
  if (!isLatin1(value)) throw outOfRange(point, { value, allowed: 'Latin-1 characters without NUL' })
  const bytes = new Uint8Array(room)
  bytes.set(Buffer.from(value, 'latin1'))
  return bytes
}

function isLatin1(text: string): boolean {
  return [...text].every((character) => character > '\u0000' && character <= '\u00ff')
}

function finite(point: PointSettings, value: Value): number | bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw outOfRange(point, { value, allowed: 'a number' })
  if (typeof value === 'number' && !Number.isFinite(value))
    throw outOfRange(point, { value, allowed: 'a finite number' })
  return value
}

/** `held`: what the device will hold, for which rounding to its steps may be just too much. */
function checkLimits(
  point: PointSettings,
  { value, held }: { readonly value: Value; readonly held: Value | undefined },
): void {
  if (typeof held !== 'number' && typeof held !== 'bigint') return
  const instead = held === value ? '' : ` (the nearest the device can hold is ${held})`
  if (point.min !== undefined && held < point.min)
    throw outOfRange(point, { value, allowed: `at least ${point.min}${instead}` })
  if (point.max !== undefined && held > point.max)
    throw outOfRange(point, { value, allowed: `at most ${point.max}${instead}` })
}

function outOfRange(
  point: PointSettings,
  { value, allowed }: { readonly value: Value; readonly allowed: string },
): WriteError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new WriteError('range', `writing ${shown} to ${point.name} is out of range: allowed is ${allowed}`, {
    happened: 'no',
    retriable: false,
  })
}
