/**
 * Frames of Modbus RTU and TCP: building them, and finding in a stream of bytes the one reply that belongs to the open
 * request. Pure. Everything that is not that reply is named and left out, so that whoever uses the reply never sees
 * another (promise P6).
 */
import { crc16 } from './crc.ts'

/** The one request that is open. `pdu` is function code and data (MODBUS Application Protocol V1.1b3, section 4.1). */
export interface Request {
  readonly unitId: number
  readonly pdu: Uint8Array
  /** Transaction identifier, 0..65535; meaningless on a serial line. */
  readonly transaction: number
}

/**
 * What can be found instead of the reply. foreign_reply: a sound frame of another unit, function, length, address or
 * transaction. crc: a frame of ours, damaged. echo: our own request come back (two-wire adapters). noise: no frame at all.
 */
export type Trouble = 'foreign_reply' | 'crc' | 'echo' | 'noise'

/** The outcome of looking through the bytes received so far. */
export interface Scan {
  /** The reply's function code and data, when it is there. */
  readonly reply?: Uint8Array
  /** Bytes not used up: the beginning of a frame perhaps, or what came behind the reply. */
  readonly rest: Uint8Array
  readonly troubles: readonly Trouble[]
  /** The place in the stream is lost; only a new connection helps (TCP). */
  readonly broken?: boolean
  /** This request is answered, but wrongly: waiting longer is in vain (TCP, where the transaction matches). */
  readonly wrong?: boolean
}

/** How frames look on one kind of link. */
export interface Framing {
  /** Late replies are told apart by the frame itself. */
  readonly matchesTransaction: boolean
  build(request: Request): Uint8Array
  /** Bytes of the expected reply on the wire. */
  replyBytes(request: Request): number
  scan(bytes: Uint8Array, request: Request | undefined): Scan
}

const EXCEPTION_FLAG = 0x80
/** Unit, function, exception code, CRC. */
const RTU_EXCEPTION_BYTES = 5
/** Unit, function, address, value or count, CRC. */
const RTU_WRITE_REPLY_BYTES = 8
/** Transaction, protocol, length (MODBUS Messaging on TCP/IP V1.0b, section 3.1.3); the unit counts as content. */
const TCP_HEADER_BYTES = 6
/** Longest content: unit and 253 bytes of function code and data. */
const TCP_CONTENT_MAX = 254

/** The length a normal reply to this request has, function code included; undefined for functions not in use here. */
function replyLength(requestPdu: Uint8Array): number | undefined {
  const count = ((requestPdu[3] ?? 0) << 8) | (requestPdu[4] ?? 0)
  switch (requestPdu[0]) {
    case 1:
    case 2:
      return 2 + Math.ceil(count / 8)
    case 3:
    case 4:
      return 2 + count * 2
    case 5:
    case 6:
    case 15:
    case 16:
      return 5
    default:
      return undefined
  }
}

/** Does this pdu answer this request: same function (or its exception), exact length, and for writes the same place? */
export function belongs(pdu: Uint8Array, requestPdu: Uint8Array): boolean {
  const functionCode = requestPdu[0] ?? 0
  // There is no exception 0 (MODBUS Application Protocol V1.1b3, section 7).
  if (pdu[0] === (functionCode | EXCEPTION_FLAG)) return pdu.length === 2 && pdu[1] !== 0
  if (pdu[0] !== functionCode || pdu.length !== replyLength(requestPdu)) return false
  if (functionCode <= 4) return pdu[1] === pdu.length - 2
  // Writes: address and value (5, 6) or address and count (15, 16) come back as they were sent.
  return startsWith(pdu, requestPdu.subarray(0, 5))
}

/** The exception code of a reply, 0 when it is none. */
export function exceptionOf(pdu: Uint8Array): number {
  return ((pdu[0] ?? 0) & EXCEPTION_FLAG) !== 0 ? (pdu[1] ?? 0) : 0
}

export const rtu: Framing = {
  matchesTransaction: false,
  build: (request) => rtuFrame(request.unitId, request.pdu),
  replyBytes: (request) => (replyLength(request.pdu) ?? 2) + 3,
  scan: scanRtu,
}

export const tcp: Framing = {
  matchesTransaction: true,
  build: tcpFrame,
  replyBytes: (request) => (replyLength(request.pdu) ?? 2) + TCP_HEADER_BYTES + 1,
  scan: scanTcp,
}

/** Unit, pdu and CRC. */
export function rtuFrame(unitId: number, pdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(pdu.length + 3)
  frame[0] = unitId
  frame.set(pdu, 1)
  const crc = crc16(frame.subarray(0, -2))
  frame[frame.length - 2] = crc & 0xff
  frame[frame.length - 1] = crc >> 8
  return frame
}

/** MBAP header, unit and pdu. */
export function tcpFrame(request: Request): Uint8Array {
  const frame = new Uint8Array(TCP_HEADER_BYTES + 1 + request.pdu.length)
  const view = new DataView(frame.buffer)
  view.setUint16(0, request.transaction)
  view.setUint16(4, request.pdu.length + 1)
  frame[6] = request.unitId
  frame.set(request.pdu, 7)
  return frame
}

/** How a frame that begins here would go on: its length by function code, when that can be known already. */
function rtuLengthAt(bytes: Uint8Array, at: number): number | undefined {
  const functionCode = bytes[at + 1]
  if (functionCode === undefined) return RTU_EXCEPTION_BYTES
  if ((functionCode & EXCEPTION_FLAG) !== 0) return RTU_EXCEPTION_BYTES
  if (functionCode >= 1 && functionCode <= 4) return (bytes[at + 2] ?? 0) + 5
  if ([5, 6, 15, 16].includes(functionCode)) return RTU_WRITE_REPLY_BYTES
  return undefined
}

/**
 * A serial line has no marks between frames and the silence between them does not survive the way through adapter and
 * operating system, so every offset is tried: a frame counts when its own length and CRC agree. Sound frames are taken
 * whole, so nothing is ever found inside another frame.
 */
function scanRtu(bytes: Uint8Array, request: Request | undefined): Scan {
  const echo = request && !isItsOwnReply(request) ? rtuFrame(request.unitId, request.pdu) : undefined
  const troubles: Trouble[] = []
  let unused = 0 // where bytes begin that belong to no sound frame
  let pending: number | undefined // where a frame may have begun that is not complete
  let at = 0
  while (at < bytes.length) {
    const length = echo && startsWith(bytes.subarray(at), echo) ? echo.length : rtuLengthAt(bytes, at)
    const frame = length === undefined ? undefined : bytes.subarray(at, at + length)
    if (!frame || frame.length !== length || !hasGoodCrc(frame)) {
      if (frame && frame.length !== length) pending ??= at
      else if (frame && request && looksLikeReply(frame, request)) troubles.push('crc')
      at += 1
      continue
    }
    if (at > unused) troubles.push('noise')
    at += frame.length
    unused = at
    pending = undefined
    const pdu = frame.subarray(1, -2)
    if (request && frame[0] === request.unitId && belongs(pdu, request.pdu)) {
      return { reply: pdu, rest: bytes.subarray(at), troubles }
    }
    troubles.push(frame.length === echo?.length && startsWith(frame, echo) ? 'echo' : 'foreign_reply')
  }
  const rest = bytes.subarray(pending ?? bytes.length)
  if (bytes.length - rest.length > unused) troubles.push('noise')
  return { rest, troubles }
}

/** A write of one coil or register (functions 5 and 6) is confirmed by the very same bytes: an echo looks like success. */
function isItsOwnReply(request: Request): boolean {
  return request.pdu[0] === 5 || request.pdu[0] === 6
}

function hasGoodCrc(frame: Uint8Array): boolean {
  const crc = crc16(frame.subarray(0, -2))
  return frame[frame.length - 2] === (crc & 0xff) && frame[frame.length - 1] === crc >> 8
}

/** The head of the reply that is waited for, whatever came behind it. */
export function looksLikeReply(frame: Uint8Array, request: Request): boolean {
  const functionCode = request.pdu[0] ?? 0
  if (frame[0] !== request.unitId) return false
  if (frame[1] === (functionCode | EXCEPTION_FLAG)) return true
  if (frame[1] !== functionCode) return false
  return functionCode > 4 || frame[2] === undefined || frame[2] + 2 === replyLength(request.pdu)
}

function scanTcp(bytes: Uint8Array, request: Request | undefined): Scan {
  const troubles: Trouble[] = []
  let at = 0
  while (bytes.length - at >= TCP_HEADER_BYTES) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, TCP_HEADER_BYTES)
    const length = view.getUint16(4)
    // Protocol identifier 0 is Modbus; the shortest content is unit, function and one byte.
    if (view.getUint16(2) !== 0 || length < 3 || length > TCP_CONTENT_MAX) {
      return { rest: bytes.subarray(at), troubles: [...troubles, 'noise'], broken: true }
    }
    const end = at + TCP_HEADER_BYTES + length
    if (end > bytes.length) break
    const unitId = bytes[at + TCP_HEADER_BYTES]
    const pdu = bytes.subarray(at + TCP_HEADER_BYTES + 1, end)
    at = end
    if (!request || view.getUint16(0) !== request.transaction) {
      troubles.push('foreign_reply')
    } else if (unitId === request.unitId && belongs(pdu, request.pdu)) {
      return { reply: pdu, rest: bytes.subarray(at), troubles }
    } else {
      return { rest: bytes.subarray(at), troubles: [...troubles, 'foreign_reply'], wrong: true }
    }
  }
  return { rest: bytes.subarray(at), troubles }
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  return bytes.length >= head.length && head.every((byte, index) => bytes[index] === byte)
}
