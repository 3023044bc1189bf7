/** From a binary frame to the value of a point. Pure. */

import { widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import { type Decoded, decode } from '../modbus/codec.ts'

/**
 * The value at the point's position. Single bytes are int8, uint8, bool (not 0), bit and bits (of that byte); the other
 * types take two bytes or more in the point's byte order, `ABCD` being most significant first. The error is `invalid` for
 * a marker, for what is no number, and for a frame that ends before.
 */
export function decodeField(point: PointSettings, frame: Uint8Array): Decoded {
  const { address, type } = point
  switch (type) {
    case 'int8':
    case 'uint8':
    case 'bool':
    case 'bit':
    case 'bits':
      return decodeByte(point, frame[address])
    case 'string': {
      const bytes = frame.subarray(address, address + point.length)
      return bytes.length < point.length ? { error: 'invalid' } : { value: textOf(bytes) }
    }
    default: {
      const width = widthOf({ register: 'holding', type, length: point.length }) * 2
      const bytes = frame.slice(address, address + width)
      return bytes.length < width ? { error: 'invalid' } : decode({ ...point, register: 'holding' }, bytes)
    }
  }
}

/** A byte is decoded as the low half of a register. */
function decodeByte(point: PointSettings, byte: number | undefined): Decoded {
  if (byte === undefined) return { error: 'invalid' }
  if (point.invalid.some((marker) => BigInt.asUintN(8, marker) === BigInt(byte))) return { error: 'invalid' }
  const high = point.type === 'int8' && byte > 0x7f ? 0xff : 0
  const type = point.type === 'int8' ? 'int16' : point.type === 'uint8' ? 'uint16' : point.type
  return decode({ ...point, type, register: 'holding', byteOrder: 'ABCD', invalid: [] }, Uint8Array.of(high, byte))
}

/** ASCII or Latin-1, up to the first NUL, padded with blanks. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end))
    .toString('latin1')
    .trimEnd()
}
