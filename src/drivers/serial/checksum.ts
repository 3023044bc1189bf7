/** Checksums of binary frames. Pure. */
import type { BinaryFrameSettings } from '../../settings.ts'
import { crc16 } from '../modbus/crc.ts'

export type ChecksumSettings = NonNullable<BinaryFrameSettings['checksum']>

const ccittTable = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

interface Kind {
  readonly bytes: 1 | 2
  of(covered: Uint8Array): number
}

const kinds: Readonly<Record<ChecksumSettings['kind'], Kind>> = {
  sum8: { bytes: 1, of: (covered) => sum(covered) & 0xff },
  sum16: { bytes: 2, of: (covered) => sum(covered) & 0xffff },
  xor8: { bytes: 1, of: (covered) => covered.reduce((so, byte) => so ^ byte, 0) },
  complement8: { bytes: 1, of: (covered) => -sum(covered) & 0xff },
  crc16_modbus: { bytes: 2, of: crc16 },
  crc16_ccitt: { bytes: 2, of: ccitt },
}

/** How many bytes the checksum takes. */
export function checksumBytes(checksum: ChecksumSettings): number {
  return kinds[checksum.kind].bytes
}

/** Is the checksum of a whole frame right? A frame that is too short to hold one has none. */
export function isSound(frame: Uint8Array, checksum: ChecksumSettings): boolean {
  const kind = kinds[checksum.kind]
  const at = frame.length - checksum.behind - kind.bytes
  if (at < checksum.from) return false
  const [first = 0, second = 0] = frame.subarray(at, at + kind.bytes)
  const stated = kind.bytes === 1 ? first : checksum.littleEndian ? (second << 8) | first : (first << 8) | second
  return stated === kind.of(frame.subarray(checksum.from, at))
}

function sum(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return sum
}

/** Polynomial 0x1021, begun with 0xFFFF, most significant bit first; "CRC-16/CCITT-FALSE" and "IBM-3740" elsewhere. */
function ccitt(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (ccittTable[(crc >> 8) ^ byte] ?? 0)
  return crc
}
