/**
 * What registers can mean: every type in every byte order, side by side. Pure. Bytes are two per register, as they came.
 */
import { decode } from '../../drivers/modbus/codec.ts'
import type { Value } from '../../model.ts'
import { widthOf } from '../../point-types.ts'
import type { ByteOrder, PointSettings, PointType } from '../../settings.ts'

export const byteOrders: readonly ByteOrder[] = ['ABCD', 'CDAB', 'BADC', 'DCBA']
/** Types by the registers they take. */
const typesOfWidth = {
  1: ['uint16', 'int16', 'bcd16', 'float16'],
  2: ['float32', 'uint32', 'int32', 'bcd32'],
  4: ['float64', 'uint64', 'int64'],
} as const satisfies Record<number, readonly PointType[]>

export type Width = keyof typeof typesOfWidth

/** What a point would have to be declared as. */
export interface Declaration {
  /** The first register, counted from the first of the bytes. */
  readonly at: number
  readonly type: PointType
  readonly byteOrder: ByteOrder
}

export interface Interpretation extends Declaration {
  /** Undefined: not a number, or no digits (BCD). */
  readonly value: Value | undefined
}

/** All meanings of `width` registers that begin at `at`. Words of one register have no order, but their bytes may. */
export function interpretations(
  bytes: Uint8Array,
  { at, width }: { readonly at: number; readonly width: Width },
): Interpretation[] {
  const orders = width === 1 ? byteOrders.filter((order) => order === 'ABCD' || order === 'BADC') : byteOrders
  return orders.flatMap((byteOrder) =>
    typesOfWidth[width].map((type) => ({ at, type, byteOrder, value: valueAt(bytes, { at, type, byteOrder }) })),
  )
}

/** Every meaning at every place, from any register on. */
export function allInterpretations(bytes: Uint8Array): Interpretation[] {
  const registers = bytes.length >> 1
  const widths: readonly Width[] = [2, 1, 4]
  return widths.flatMap((width) =>
    Array.from({ length: Math.max(0, registers - width + 1) }, (_, at) => interpretations(bytes, { at, width })).flat(),
  )
}

function valueAt(bytes: Uint8Array, { at, type, byteOrder }: Declaration): Value | undefined {
  const point = pointOf(type, byteOrder)
  const slice = bytes.subarray(at * 2, (at + widthOf(point)) * 2)
  return decode(point, slice).value
}

/** The bytes as a text, two letters a register; what cannot be printed is a dot. */
export function printable(bytes: Uint8Array): string {
  return [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
}

/** The whole as a text, if that is what it is: at least four letters up to the padding, all printable. */
export function textIn(bytes: Uint8Array): { readonly text: string; readonly byteOrder: ByteOrder } | undefined {
  for (const byteOrder of ['ABCD', 'BADC'] as const) {
    const ordered = byteOrder === 'ABCD' ? bytes : bytes.map((_, index) => bytes[index ^ 1] ?? 0)
    const text = Buffer.from(ordered)
      .toString('latin1')
      .replace(/[\0 ]+$/, '')
    if (text.length >= TEXT_LETTERS_LEAST && /^[\x20-\x7e]+$/.test(text)) return { text, byteOrder }
  }
  return undefined
}

const TEXT_LETTERS_LEAST = 4

function pointOf(type: PointType, byteOrder: ByteOrder): PointSettings {
  return {
    name: type,
    type,
    access: 'ro',
    intervalMs: 0,
    register: 'holding',
    address: 0,
    byteOrder,
    bit: 0,
    length: 1,
    scale: 1,
    offset: 0,
    invalid: [],
    kind: 'gauge',
  }
}
