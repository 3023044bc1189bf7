/** Which of all meanings fit what is expected, and whether they begin where they were looked for. Pure. */
import { toDecimal, toNumber } from '../../drivers/decimal.ts'
import type { Value } from '../../model.ts'
import { widthOf } from '../../point-types.ts'
import type { ByteOrder, PointType } from '../../settings.ts'
import { allInterpretations } from './interpretations.ts'

/** Inclusive. */
export interface Range {
  readonly min: number
  readonly max: number
}

/** Registers as they were read in one request. */
export interface Block {
  readonly address: number
  readonly bytes: Uint8Array
}

/** One meaning that fits. */
export interface Hit {
  readonly address: number
  readonly type: PointType
  readonly byteOrder: ByteOrder
  /** What the raw number is multiplied with; 1 where it fits as it is. */
  readonly scale: number
  /** After scaling. */
  readonly value: number
}

/** Devices without floats count in tenths, hundredths or thousandths. */
const scales = [1, 0.1, 0.01, 0.001]
/** Of two types that read the same, the likelier one. */
const likeliest: readonly PointType[] = [
  'float32',
  'uint16',
  'uint32',
  'int16',
  'int32',
  'float64',
  'uint64',
  'int64',
  'bcd16',
  'bcd32',
  'float16',
]

/**
 * The meanings within the range, the likeliest first: as they are before scaled ones, near `address` before farther ones.
 * Of signed and unsigned that say the same, one. The first block is the one that was asked for; the others lie next to it.
 */
export function hitsIn(
  blocks: readonly Block[],
  { range, address }: { readonly range: Range; readonly address: number },
): Hit[] {
  const found = scales.flatMap((scale) => blocks.flatMap((block) => hitsOf(block, { range, scale })))
  const sorted = found
    .map((hit) => ({ hit, rank: rankOf(hit, address) }))
    .sort((a, b) => firstDifference(a.rank, b.rank))
    .map(({ hit }) => hit)
  const scaleOfBest = sorted[0]?.scale
  return sorted.filter((hit, index) => {
    const isTold = sorted.slice(0, index).some((other) => isTwin(hit, other))
    return !isTold && (hit.scale === 1) === (scaleOfBest === 1)
  })
}

function hitsOf({ address, bytes }: Block, { range, scale }: { readonly range: Range; readonly scale: number }): Hit[] {
  return allInterpretations(bytes).flatMap(({ at, type, byteOrder, value: raw }) => {
    if (scale !== 1 && !isInteger(type)) return []
    const value = scaledBy(raw, scale)
    if (value === undefined || value < range.min || value > range.max) return []
    return [{ address: address + at, type, byteOrder, scale, value }]
  })
}

function isInteger(type: PointType): boolean {
  return /^u?int/.test(type)
}

/** Without binary noise: 2305 at 0.1 is 230.5. */
function scaledBy(value: Value | undefined, scale: number): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
  if (scale === 1) return Number(value)
  const [raw, factor] = [toDecimal(value), toDecimal(scale)]
  return toNumber({ digits: raw.digits * factor.digits, exponent: raw.exponent + factor.exponent })
}

function rankOf(hit: Hit, wanted: number): readonly number[] {
  const { address, type, byteOrder, scale } = hit
  const distance = Math.abs(address - wanted) + (isTorn(hit) ? TORN_DISTANCE : 0)
  // One lower comes before one higher: a list that counts from 1, taken for addresses, is the usual mistake.
  const rest = [address < wanted ? 0 : 1, -scale, likeliest.indexOf(type), byteOrder === 'ABCD' ? 0 : 1]
  return [scale === 1 ? 0 : 1, distance, ...rest]
}

/**
 * The high word of one value with the low word of its neighbour, read in swapped order, gives nearly the right number: a
 * list that counts from 1 and three phases that are alike look so. Devices begin their values at even addresses, so swapped
 * words at an odd one are believed less than plain ones next door.
 */
export function isTorn({ address, type, byteOrder }: Hit): boolean {
  const swapped = byteOrder === 'CDAB' || byteOrder === 'DCBA'
  return swapped && address % 2 === 1 && widthOf({ register: 'holding', type, length: 1 }) > 1
}

const TORN_DISTANCE = 1.5

function firstDifference(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((one, at) => one !== b[at])
  return index < 0 ? 0 : (a[index] ?? 0) - (b[index] ?? 0)
}

/** The same number, read from the same place in the same order: int16 and uint16 of a small one. */
function isTwin(a: Hit, b: Hit): boolean {
  const isSamePlace = a.address === b.address && registersOf(a) === registersOf(b) && a.byteOrder === b.byteOrder
  return isSamePlace && a.value === b.value && a.scale === b.scale
}

function registersOf({ type }: Hit): number {
  return widthOf({ register: 'holding', type, length: 1 })
}
