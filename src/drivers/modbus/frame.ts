/**
 * Frames of Modbus RTU and TCP (ASCII: `ascii.ts`): building them, and finding in a stream of bytes the one reply that belongs to the open
 * request. Pure. Everything that is not that reply is named and left out, so that whoever uses the reply never sees
 * another (promise P6).
 */
import { crc16 } from './crc.ts'
import {
  belongs,
  IDENTIFICATION,
  identificationEnds,
  isException,
  isItsOwnReply,
  isRead,
  mayBelong,
  replyLength,
  startsWith,
} from './pdu.ts'

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
  /** Whose sound frames were left out, by unit id: a late reply shows that its unit is alive. */
  readonly strangers: readonly number[]
  /** Bytes that belong to no sound frame; `rest` does not count. */
  readonly rubbish: number
  /** The place in the stream is lost; only a new connection helps (TCP). */
  readonly broken?: boolean
  /** This request is answered, but wrongly: waiting longer is in vain (TCP, where the transaction matches). */
  readonly wrong?: boolean
}

/** How frames look on one kind of link. */
export interface Framing {
  /** Late replies are told apart by the frame itself. */
  readonly matchesTransaction: boolean
  /** No frame is shorter than this. */
  readonly frameMin: number
  build(request: Request): Uint8Array
  /** Bytes of the expected reply on the wire. */
  replyBytes(request: Request): number
  /** Could these bytes be the beginning of the reply? */
  mayBeReply(bytes: Uint8Array, request: Request): boolean
  scan(bytes: Uint8Array, request: Request | undefined): Scan
}

/** Unit, function, exception code, CRC. */
const RTU_EXCEPTION_BYTES = 5
/** The longest RTU frame (MODBUS over Serial Line V1.02, section 2.5.1). */
export const RTU_FRAME_MAX = 256
/** Device identification (MODBUS Application Protocol V1.1b3, section 6.21). */
const IDENTIFICATION_TYPE = 14
/** Unit, function, address, value or count, CRC. */
const RTU_WRITE_REPLY_BYTES = 8
/** The same for function 22: unit, function, address, two masks, CRC. */
const RTU_MASK_REPLY_BYTES = 10
/** Transaction, protocol, length (MODBUS Messaging on TCP/IP V1.0b, section 3.1.3); the unit counts as content. */
export const TCP_HEADER_BYTES = 6
/** Longest content: unit and 253 bytes of function code and data. */
export const TCP_CONTENT_MAX = 254

export const rtu: Framing = {
  matchesTransaction: false,
  frameMin: 4,
  build: (request) => rtuFrame(request.unitId, request.pdu),
  replyBytes: (request) => (replyLength(request.pdu) ?? 2) + 3,
  mayBeReply: looksLikeReply,
  scan: scanRtu,
}

export const tcp: Framing = {
  matchesTransaction: true,
  frameMin: TCP_HEADER_BYTES + 2,
  build: tcpFrame,
  replyBytes: (request) => (replyLength(request.pdu) ?? 2) + TCP_HEADER_BYTES + 1,
  mayBeReply: () => true, // a stream keeps nothing but beginnings of frames
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
  if (functionCode === undefined || isException(functionCode)) return RTU_EXCEPTION_BYTES
  if (isRead(functionCode)) return (bytes[at + 2] ?? 0) + 5
  switch (functionCode) {
    case 5:
    case 6:
    case 15:
    case 16:
      return RTU_WRITE_REPLY_BYTES
    case 22:
      return RTU_MASK_REPLY_BYTES
    case IDENTIFICATION:
      return identificationBytesAt(bytes, at)
    default:
      return undefined
  }
}

/** Up to the object behind which the CRC agrees; while there is none, one byte more than has come. */
function identificationBytesAt(bytes: Uint8Array, at: number): number | undefined {
  const frame = bytes.subarray(at, at + RTU_FRAME_MAX)
  const ends = identificationEnds(frame.subarray(1)).map((end) => end + 3)
  const sound = ends.find((end) => end <= frame.length && hasGoodCrc(frame.subarray(0, end)))
  if (sound !== undefined) return sound
  const mayGoOn = frame.length < RTU_FRAME_MAX && (frame[2] ?? IDENTIFICATION_TYPE) === IDENTIFICATION_TYPE
  return mayGoOn ? frame.length + 1 : undefined
}

/**
 * A serial line has no marks between frames and the silence between them does not survive the way through adapter and
 * operating system, so every offset is tried: a frame counts when its own length and CRC agree. Sound frames are taken
 * whole, so nothing is ever found inside another frame.
 */
function scanRtu(bytes: Uint8Array, request: Request | undefined): Scan {
  const echo = request && !isItsOwnReply(request.pdu) ? rtuFrame(request.unitId, request.pdu) : undefined
  const troubles: Trouble[] = []
  const strangers: number[] = []
  let sound = 0
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
    sound += frame.length
    unused = at
    pending = undefined
    const pdu = frame.subarray(1, -2)
    if (request && frame[0] === request.unitId && belongs(pdu, request.pdu)) {
      return { reply: pdu, rest: bytes.subarray(at), troubles, strangers, rubbish: at - sound }
    }
    if (frame.length === echo?.length && startsWith(frame, echo)) {
      troubles.push('echo')
    } else {
      troubles.push('foreign_reply')
      strangers.push(frame[0] ?? 0)
    }
  }
  const rest = bytes.subarray(pending ?? bytes.length)
  if (bytes.length - rest.length > unused) troubles.push('noise')
  return { rest, troubles, strangers, rubbish: bytes.length - rest.length - sound }
}

function hasGoodCrc(frame: Uint8Array): boolean {
  const crc = crc16(frame.subarray(0, -2))
  return frame[frame.length - 2] === (crc & 0xff) && frame[frame.length - 1] === crc >> 8
}

/** The head of the reply that is waited for, whatever came behind it. */
function looksLikeReply(frame: Uint8Array, request: Request): boolean {
  return frame[0] === request.unitId && mayBelong(frame.subarray(1), request.pdu)
}

function scanTcp(bytes: Uint8Array, request: Request | undefined): Scan {
  const troubles: Trouble[] = []
  const strangers: number[] = []
  let at = 0
  while (bytes.length - at >= TCP_HEADER_BYTES) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, TCP_HEADER_BYTES)
    const length = view.getUint16(4)
    // Protocol identifier 0 is Modbus; the shortest content is unit, function and one byte.
    if (view.getUint16(2) !== 0 || length < 3 || length > TCP_CONTENT_MAX) {
      return { rest: bytes.subarray(at), troubles: [...troubles, 'noise'], strangers, rubbish: 0, broken: true }
    }
    const end = at + TCP_HEADER_BYTES + length
    if (end > bytes.length) break
    const unitId = bytes[at + TCP_HEADER_BYTES]
    const pdu = bytes.subarray(at + TCP_HEADER_BYTES + 1, end)
    at = end
    if (!request || view.getUint16(0) !== request.transaction) {
      troubles.push('foreign_reply')
      if (unitId !== undefined) strangers.push(unitId)
    } else if (unitId === request.unitId && belongs(pdu, request.pdu)) {
      return { reply: pdu, rest: bytes.subarray(at), troubles, strangers, rubbish: 0 }
    } else {
      return { rest: bytes.subarray(at), troubles: [...troubles, 'foreign_reply'], strangers, rubbish: 0, wrong: true }
    }
  }
  return { rest: bytes.subarray(at), troubles, strangers, rubbish: 0 }
}
