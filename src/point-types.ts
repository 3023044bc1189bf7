/** What the types of points hold: how wide they are, and which numbers fit. Pure. */
import type { PointSettings, PointType, RegisterTable } from './settings.ts'

/** int8 and uint8 are bytes of a frame; all other numbers take whole registers. 0: it depends on the point. */
const bits: Readonly<Record<PointType, number>> = {
  int8: 8,
  uint8: 8,
  bcd16: 16,
  bcd32: 32,
  bits: 16,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
  float16: 16,
  float32: 32,
  float64: 64,
  bit: 16,
  bool: 16,
  string: 0,
  number: 0,
}

const bitsOfRegister = 16
const bitsOfDigit = 4

/** Bits of a value of this type; 0 where that depends on the point. */
export function bitsOf(type: PointType): number {
  return bits[type]
}

/** Coils and discrete inputs are single bits; the other two tables hold 16-bit registers. */
export function isBitTable(table: RegisterTable): boolean {
  return table === 'coil' || table === 'discrete'
}

/** How many registers (or bits, in a bit table) a point takes. */
export function widthOf(point: Pick<PointSettings, 'register' | 'type' | 'length'>): number {
  if (isBitTable(point.register)) return 1
  return point.type === 'string' ? point.length : Math.max(1, bits[point.type] / bitsOfRegister)
}

export interface IntegerRange {
  readonly least: bigint
  readonly most: bigint
}

/** The raw numbers, before scaling, of an integer type; undefined for the other types. */
export function integerRangeOf(point: Pick<PointSettings, 'type' | 'width'>): IntegerRange | undefined {
  const width = BigInt(bits[point.type])
  switch (point.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return { least: -(1n << (width - 1n)), most: (1n << (width - 1n)) - 1n }
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
      return { least: 0n, most: (1n << width) - 1n }
    case 'bcd16':
    case 'bcd32':
      return { least: 0n, most: 10n ** (width / BigInt(bitsOfDigit)) - 1n }
    case 'bits':
      return { least: 0n, most: (1n << BigInt(point.width ?? 1)) - 1n }
    default:
      return undefined
  }
}

export interface FloatRange {
  /** The largest finite one; the least is as far below 0. */
  readonly most: number
  /** Relative distance of two neighbours. */
  readonly step: number
}

/** IEEE 754 binary16, binary32, binary64. */
const floats: Partial<Record<PointType, FloatRange>> = {
  float16: { most: 65_504, step: 2 ** -10 },
  float32: { most: (2 - 2 ** -23) * 2 ** 127, step: 2 ** -23 },
  float64: { most: Number.MAX_VALUE, step: 2 ** -52 },
  number: { most: Number.MAX_VALUE, step: 2 ** -52 },
}

/** Undefined for types that are no floating-point numbers. */
export function floatRangeOf(type: PointType): FloatRange | undefined {
  return floats[type]
}
