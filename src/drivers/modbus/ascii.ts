/**
 * Frames of Modbus ASCII (MODBUS over Serial Line V1.02, section 2.5.2): a colon, two hexadecimal digits for each byte of
 * unit, pdu and LRC, carriage return and line feed. Pure.
 *
 * The colon occurs nowhere else, so the place in the stream is never lost, and bytes inside a frame may take their time.
 */
import type { Framing, Request, Scan, Trouble } from './frame.ts'
import { belongs, isItsOwnReply, mayBelong, replyLength, startsWith } from './pdu.ts'

const COLON = 0x3a
const CR = 0x0d
const LF = 0x0a
/** Colon, two digits for unit, 253 bytes of pdu and LRC each, CR and LF: nothing longer is a frame. */
export const ASCII_FRAME_MAX = 513

export const ascii: Framing = {
  matchesTransaction: false,
  frameMin: 9,
  build: (request) => asciiFrame(request.unitId, request.pdu),
  replyBytes: (request) => ((replyLength(request.pdu) ?? 2) + 2) * 2 + 3,
  mayBeReply: (bytes, request) => bytes[0] === COLON && isOurs(decode(bytes.subarray(1)).bytes, request),
  scan: scanAscii,
}

export function asciiFrame(unitId: number, pdu: Uint8Array): Uint8Array {
  const content = Buffer.from([unitId, ...pdu])
  const check = Buffer.of(lrc(content))
  return Uint8Array.from(Buffer.from(`:${Buffer.concat([content, check]).toString('hex').toUpperCase()}\r\n`, 'latin1'))
}

/** Longitudinal redundancy check: what makes the sum of all bytes zero (section 6.2.1). */
function lrc(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff
}

function scanAscii(bytes: Uint8Array, request: Request | undefined): Scan {
  const troubles: Trouble[] = []
  const strangers: number[] = []
  let at = 0
  let sound = 0
  while (at < bytes.length) {
    const start = bytes.indexOf(COLON, at)
    if (start !== at) troubles.push('noise')
    if (start < 0) break
    const { bytes: content, length } = decode(bytes.subarray(start + 1))
    const end = start + 1 + length
    if (end === bytes.length || (end === bytes.length - 1 && bytes[end] === CR)) {
      if (bytes.length - start <= ASCII_FRAME_MAX) {
        return { rest: bytes.subarray(start), troubles, strangers, rubbish: start - sound }
      }
      troubles.push('noise')
      break
    }
    const whole = bytes[end] === CR && bytes[end + 1] === LF && length % 2 === 0 && content.length >= 3
    at = whole ? end + 2 : end
    if (!whole || content.reduce((sum, byte) => sum + byte, 0) % 0x100 !== 0) {
      troubles.push(request && isOurs(content, request) ? 'crc' : 'noise')
      if (!whole) at = nextColon(bytes, at)
      continue
    }
    sound += at - start
    const pdu = content.subarray(1, -1)
    const own = request !== undefined && content[0] === request.unitId
    if (own && !isItsOwnReply(request.pdu) && pdu.length === request.pdu.length && startsWith(pdu, request.pdu)) {
      troubles.push('echo')
    } else if (own && belongs(pdu, request.pdu)) {
      return { reply: pdu, rest: bytes.subarray(at), troubles, strangers, rubbish: at - sound }
    } else {
      troubles.push('foreign_reply')
      strangers.push(content[0] ?? 0)
    }
  }
  return { rest: new Uint8Array(), troubles, strangers, rubbish: bytes.length - sound }
}

/** The head of the reply that is waited for, whatever came behind it. */
function isOurs(content: Uint8Array, request: Request): boolean {
  return content[0] === request.unitId && (content.length < 2 || mayBelong(content.subarray(1), request.pdu))
}

/** The pairs of digits at the beginning, and how many digits there are. */
function decode(text: Uint8Array): { readonly bytes: Uint8Array; readonly length: number } {
  const end = text.findIndex((character) => !isDigit(character))
  const length = end < 0 ? text.length : end
  const digits = Buffer.from(text.subarray(0, length - (length % 2))).toString('latin1')
  return { bytes: Uint8Array.from(Buffer.from(digits, 'hex')), length }
}

/** The specification has capital letters only; small ones mean the same, and the LRC is over what they mean. */
function isDigit(character: number): boolean {
  return (character >= 0x30 && character <= 0x39) || (character >= 0x41 && character <= 0x46) || isSmall(character)
}

function isSmall(character: number): boolean {
  return character >= 0x61 && character <= 0x66
}

function nextColon(bytes: Uint8Array, from: number): number {
  const next = bytes.indexOf(COLON, from)
  return next < 0 ? bytes.length : next
}
