import type { PointSettings, PointType } from '../../settings.ts'

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

/** Bits of a value of this type; 0 where that depends on the point. */
export function bitsOf(type: PointType): number {
  return bits[type]
}

/** Registers (or single bits of a bit table) that a point takes. */
export function registersOf(point: Pick<PointSettings, 'register' | 'type' | 'length'>): number {
  if (point.register === 'coil' || point.register === 'discrete') return 1
  return point.type === 'string' ? point.length : bits[point.type] / bitsOfRegister
}
