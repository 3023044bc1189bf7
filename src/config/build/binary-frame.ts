import type { BinaryFrameSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { BinaryFrame } from '../schema/binary-frame.ts'
import type { Findings } from './findings.ts'

/** How frames are told apart. What does not fit together is told. */
export function buildFrame(findings: Findings, path: Path, frame: BinaryFrame): BinaryFrameSettings {
  const { length, checksum } = frame
  const startsWith = frame.starts_with ?? new Uint8Array()
  if (typeof length === 'object') {
    if (startsWith.length === 0 && !findings.attempted([...path, 'starts_with'])) {
      const message = 'missing "starts_with": without it, frames of different lengths cannot be told apart'
      findings.error(path, message, { at: 'key' })
    }
    if (length.bytes === 1) findings.refuse([...path, 'length'], ['order'], 'has no meaning for one byte')
  } else {
    checkRoom(findings, path, { frame, length, startsWith })
  }
  return {
    startsWith,
    length: typeof length === 'number' ? { fixed: length } : lengthOf(length),
    ...(checksum === undefined ? {} : { checksum: checksumOf(findings, [...path, 'checksum'], checksum) }),
  }
}

function lengthOf(length: Exclude<BinaryFrame['length'], number>): BinaryFrameSettings['length'] {
  return {
    at: length.at,
    bytes: length.bytes === 1 ? 1 : 2,
    littleEndian: length.order === 'little',
    adds: length.adds,
  }
}

function checksumOf(
  findings: Findings,
  path: Path,
  checksum: NonNullable<BinaryFrame['checksum']>,
): NonNullable<BinaryFrameSettings['checksum']> {
  const { kind, from, behind } = checksum
  if (bytesOf(kind) === 1) findings.refuse(path, ['order'], `has no meaning for ${kind}, which is one byte`)
  // Modbus sends its CRC with the low byte first (MODBUS over Serial Line V1.02, 2.5.1.2).
  const order = checksum.order ?? (kind === 'crc16_modbus' ? 'little' : 'big')
  return { kind, from, behind, littleEndian: order === 'little' }
}

function checkRoom(
  findings: Findings,
  path: Path,
  options: { readonly frame: BinaryFrame; readonly length: number; readonly startsWith: Uint8Array },
): void {
  const { length, startsWith } = options
  const { checksum } = options.frame
  const rest = checksum === undefined ? 0 : bytesOf(checksum.kind) + checksum.behind
  const before = Math.max(startsWith.length, checksum === undefined ? 0 : checksum.from + 1)
  if (before + rest <= length) return
  const message = `${length} bytes do not hold what begins and ends the frame, which takes ${before + rest}`
  findings.error([...path, 'length'], message)
}

function bytesOf(kind: NonNullable<BinaryFrame['checksum']>['kind']): 1 | 2 {
  return kind.endsWith('8') ? 1 : 2
}
