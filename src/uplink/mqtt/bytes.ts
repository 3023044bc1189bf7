/** The data types of MQTT that packets are made of (MQTT 5.0 section 1.5). */

/** Section 1.5.3: integers of four bytes, which are seconds of a lifetime. */
export const FOUR_BYTES_MAX = 0xffff_ffff
/** Section 1.5.4: strings and binary data have a length of two bytes. */
const STRING_BYTES_MAX = 65_535

/** Section 2.1: one byte of type, four of length. */
export const FIXED_HEADER_BYTES_MAX = 5

/** A string with its length before it. Throws RangeError for one that is too long. */
export function encodeString(text: string): Uint8Array {
  return encodeBinary(Buffer.from(text, 'utf8'))
}

/** Bytes with their length before them (section 1.5.6). Throws RangeError for too many. */
export function encodeBinary(value: Uint8Array): Uint8Array {
  if (value.length > STRING_BYTES_MAX) {
    throw new RangeError(`encode an MQTT string of ${value.length} bytes, at most ${STRING_BYTES_MAX} are allowed`)
  }
  const bytes = new Uint8Array(2 + value.length)
  bytes[0] = value.length >> 8
  bytes[1] = value.length & 0xff
  bytes.set(value, 2)
  return bytes
}

/** Bytes that `length` takes as a variable byte integer (section 1.5.5). */
export function lengthBytes(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x4000) return 2
  return length < 0x20_0000 ? 3 : 4
}

/** Writes `length` as a variable byte integer at `offset`; gives the place behind it. */
export function writeLength(bytes: Uint8Array, offset: number, length: number): number {
  let at = offset
  let rest = length
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}
