/** Values of SQLite's record format: a header of serial types, then the values, none longer than its type says. */
export type Value = number | string | Buffer | null

/** A variable-length integer; undefined when the bytes end before it does. */
export function readVarint(bytes: Buffer, at: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0
  for (let index = 0; index < 9; index += 1) {
    const byte = bytes[at + index]
    if (byte === undefined) return undefined
    if (index === 8) return { value: value * 256 + byte, next: at + 9 }
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return { value, next: at + index + 1 }
  }
  return undefined
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8] as const

/** Bytes that a value of this serial type takes; undefined for the reserved ones. */
function lengthOf(type: number): number | undefined {
  if (type >= 12) return Math.floor((type - 12) / 2)
  if (type === 7) return 8
  if (type === 8 || type === 9) return 0
  return INTEGER_BYTES[type]
}

/** All values of one stored row; undefined unless header and values fill `payload` exactly. */
export function decodeValues(payload: Buffer): Value[] | undefined {
  const header = readVarint(payload, 0)
  if (!header || header.value > payload.length) return undefined
  const values: Value[] = []
  let at = header.value
  let next = header.next
  while (next < header.value) {
    const type = readVarint(payload, next)
    const length = type && lengthOf(type.value)
    if (!type || length === undefined || at + length > payload.length) return undefined
    const value = decodeValue(payload, type.value, at, length)
    if (value === undefined) return undefined
    values.push(value)
    at += length
    next = type.next
  }
  return next === header.value && at === payload.length ? values : undefined
}

function decodeValue(payload: Buffer, type: number, at: number, length: number): Value | undefined {
  if (type === 0) return null
  if (type === 7) return payload.readDoubleBE(at)
  if (type === 8 || type === 9) return type - 8
  if (type === 6) return Number(payload.readBigInt64BE(at))
  if (type < 6) return payload.readIntBE(at, length)
  if (type % 2 === 0) return payload.subarray(at, at + length)
  const text = payload.toString('utf8', at, at + length)
  // What is not UTF-8 becomes replacement characters, silently.
  if (text.includes('\ufffd') && !Buffer.from(text).equals(payload.subarray(at, at + length))) return undefined
  return text
}
