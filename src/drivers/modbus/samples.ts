/** What the reply to a read says of the points in its range. Pure. */
import { isBitTable, widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import type { RawRange } from '../driver.ts'
import { type Decoded, decode, decodeBit, decodePower } from './codec.ts'
import { sourceOf } from './plan.ts'

/** The power of ten that a point holds, undefined where it holds none; or the code why it could not be read. */
export type Power = { readonly power: number | undefined } | { readonly code: string }

export interface Taken {
  readonly point: PointSettings
  readonly decoded: Decoded
  /** Its bytes; of a bit, one that is 0 or 1. */
  readonly raw: Uint8Array
  /** Its power of ten is of another reply: it counts only if that one is still the same afterwards, see `doubtAbout`. */
  readonly borrowed: boolean
}

export interface TakingOptions {
  /** Those to take; all of them are in the range. */
  readonly points: readonly PointSettings[]
  /** All points of the device: some hold the powers of ten of others. */
  readonly all: readonly PointSettings[]
  /** Powers of ten that were read before, by the name of their point. */
  readonly powers: ReadonlyMap<string, Power>
}

/** Without points whose power of ten is neither in this reply nor known. */
export function samplesFrom(
  range: RawRange,
  bytes: Uint8Array,
  { points, all, powers }: TakingOptions,
): readonly Taken[] {
  return points.flatMap((point): readonly Taken[] => {
    const raw = slice(range, bytes, point)
    if (raw.length < lengthOf(point)) return [{ point, raw, decoded: { error: 'short_reply' }, borrowed: false }]
    if (isBitTable(point.register)) {
      return [{ point, raw, decoded: { value: decodeBit(point, raw[0] === 1) }, borrowed: false }]
    }
    const source = sourceOf(point, all)
    if (!source) return [{ point, raw, decoded: decode(point, raw), borrowed: false }]
    const isWithinReply = isWithin(range, source)
    const power = isWithinReply ? powerFrom(range, bytes, source) : powers.get(source.name)
    return power ? [{ point, raw, decoded: decodeWith(point, raw, power), borrowed: !isWithinReply }] : []
  })
}

/** The power of ten in the reply to a range that holds its point. */
export function powerFrom(range: RawRange, bytes: Uint8Array, source: PointSettings): Power {
  const raw = slice(range, bytes, source)
  return raw.length < lengthOf(source) ? { code: 'short_reply' } : { power: decodePower(source, raw) }
}

/**
 * The code for values that were scaled by a power of ten from another reply; undefined when there is no doubt. It must be
 * the same before and after them, else nobody knows which one counts.
 */
export function doubtAbout(before: Power | undefined, after: Power | undefined): string | undefined {
  if (after && 'code' in after) return after.code
  const isSame = before !== undefined && after !== undefined && 'power' in before && before.power === after.power
  return isSame ? undefined : 'invalid'
}

export function isWithin(range: RawRange, point: PointSettings): boolean {
  const { address, register } = point
  const end = address + widthOf(point)
  return register === range.register && address >= range.address && end <= range.address + range.count
}

function decodeWith(point: PointSettings, raw: Uint8Array, power: Power): Decoded {
  if ('code' in power) return { error: power.code }
  return decode(point, raw, power.power === undefined ? {} : { power: power.power })
}

function lengthOf(point: PointSettings): number {
  return isBitTable(point.register) ? 1 : widthOf(point) * 2
}

/** The bytes of a point's registers; fewer where the reply ends before. */
function slice(range: RawRange, bytes: Uint8Array, point: PointSettings): Uint8Array {
  const place = point.address - range.address
  if (!isBitTable(point.register)) return bytes.subarray(place * 2, place * 2 + lengthOf(point))
  const byte = bytes[place >> 3]
  // Bits are packed from the least significant one on (section 6.1).
  return byte === undefined ? new Uint8Array() : Uint8Array.of((byte >> (place & 7)) & 1)
}
