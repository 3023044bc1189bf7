import type { ByteOrder, PointSettings, RegisterTable } from '../../settings.ts'

/** Coils and discrete inputs are single bits; the other two tables hold 16-bit registers. */
export function isBitTable(table: RegisterTable): boolean {
  return table === 'coil' || table === 'discrete'
}

/** How many registers (or bits, in a bit table) a point takes. */
export function widthOf(point: Pick<PointSettings, 'register' | 'type' | 'length'>): number {
  if (isBitTable(point.register)) return 1
  switch (point.type) {
    case 'int32':
    case 'uint32':
    case 'float32':
    case 'bcd32':
      return 2
    case 'int64':
    case 'uint64':
    case 'float64':
      return 4
    case 'string':
      return point.length
    default:
      return 1
  }
}

/**
 * Brings register bytes from the device's order into ABCD (most significant byte first), and back: every order is its own
 * inverse. CDAB: the words are reversed. BADC: the bytes inside each word are swapped. DCBA: both. For 64 bits the same
 * two steps apply to four words.
 */
export function reorder(bytes: Uint8Array, order: ByteOrder): Uint8Array {
  const reverseWords = order === 'CDAB' || order === 'DCBA'
  return arrange(bytes, { reverseWords, swapBytes: swapsBytes(order) })
}

/** As `reorder`, for text: the order of words is the order of reading, so only the bytes inside a word may be swapped. */
export function reorderText(bytes: Uint8Array, order: ByteOrder): Uint8Array {
  return arrange(bytes, { reverseWords: false, swapBytes: swapsBytes(order) })
}

function swapsBytes(order: ByteOrder): boolean {
  return order === 'BADC' || order === 'DCBA'
}

function arrange(bytes: Uint8Array, how: { readonly reverseWords: boolean; readonly swapBytes: boolean }): Uint8Array {
  return Uint8Array.from(bytes, (_, index) => {
    const word = index >> 1
    const from = how.reverseWords ? (bytes.length >> 1) - 1 - word : word
    const byte = how.swapBytes ? 1 - (index & 1) : index & 1
    return bytes[from * 2 + byte] ?? 0
  })
}
