/** The order of bytes and words in registers. Pure. */
import type { ByteOrder } from '../../settings.ts'

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
