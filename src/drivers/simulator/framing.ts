/**
 * The device's side of the three framings: requests found in a stream of bytes, replies made. Pure. The asker's side, and
 * how frames are built, is in `../modbus/frame.ts` and `ascii.ts`.
 */
import { ASCII_FRAME_MAX, asciiFrame } from '../modbus/ascii.ts'
import { crc16 } from '../modbus/crc.ts'
import { RTU_FRAME_MAX, rtuFrame, TCP_CONTENT_MAX, TCP_HEADER_BYTES, tcpFrame } from '../modbus/frame.ts'
import type { FrameMaker } from './fault.ts'

export interface HeardRequest {
  readonly unitId: number
  readonly pdu: Uint8Array
  /** 0 where frames have none. */
  readonly transaction: number
  /** As it was on the wire. */
  readonly frame: Uint8Array
}

export interface Heard {
  readonly requests: readonly HeardRequest[]
  /** Perhaps the beginning of another frame. */
  readonly rest: Uint8Array
  /** Bytes that belong to no sound frame. */
  readonly noise: number
  /** The place in the stream is lost: the connection has to be closed (TCP). */
  readonly broken?: boolean
}

export interface DeviceFraming extends FrameMaker {
  /** `quiet`: no byte has come for longer than the silence between frames, so what is there is all of a frame. */
  hear(bytes: Uint8Array, quiet: boolean): Heard
}

export const tcpDevice: DeviceFraming = {
  build: tcpFrame,
  damage: () => undefined, // the checksums of TCP would have it sent again
  hear(bytes) {
    const requests: HeardRequest[] = []
    let at = 0
    while (bytes.length - at >= TCP_HEADER_BYTES) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, TCP_HEADER_BYTES)
      const length = view.getUint16(4)
      if (view.getUint16(2) !== 0 || length < 2 || length > TCP_CONTENT_MAX) {
        return { requests, rest: bytes.subarray(bytes.length), noise: bytes.length - at, broken: true }
      }
      const frame = bytes.subarray(at, at + TCP_HEADER_BYTES + length)
      if (frame.length < TCP_HEADER_BYTES + length) break
      const pdu = frame.subarray(TCP_HEADER_BYTES + 1)
      requests.push({ unitId: frame[TCP_HEADER_BYTES] ?? 0, pdu, transaction: view.getUint16(0), frame })
      at += frame.length
    }
    return { requests, rest: bytes.subarray(at), noise: 0 }
  },
}

export const rtuDevice: DeviceFraming = {
  build: (reply) => rtuFrame(reply.unitId, reply.pdu),
  damage: (frame) => withOneBitWrong(frame, frame.length >> 1),
  hear(bytes, quiet) {
    const requests: HeardRequest[] = []
    let used = 0
    let noise = 0
    for (let at = 0; at < bytes.length; ) {
      const length = rtuRequestLength(bytes.subarray(at))
      const frame = bytes.subarray(at, at + (length ?? 0))
      if (length === undefined || frame.length < length || crc16(frame) !== 0) {
        at += 1
        continue
      }
      requests.push(rtuRequest(frame))
      noise += at - used
      at += length
      used = at
    }
    const rest = bytes.subarray(used)
    if (!quiet) return { requests, rest: rest.subarray(Math.max(0, rest.length - RTU_FRAME_MAX)), noise }
    // Of a function that is not known here, or with a length that contradicts itself: the silence is its end.
    if (rest.length >= 4 && crc16(rest) === 0) requests.push(rtuRequest(rest))
    else noise += rest.length
    return { requests, rest: rest.subarray(rest.length), noise }
  },
}

export const asciiDevice: DeviceFraming = {
  build: (reply) => asciiFrame(reply.unitId, reply.pdu),
  // The last bit of a digit is another digit.
  damage: (frame) => frame.map((byte, index) => (index === 3 ? digitAfter(byte) : byte)),
  hear(bytes) {
    const text = Buffer.from(bytes).toString('latin1')
    const requests: HeardRequest[] = []
    let noise = 0
    let used = 0
    for (const found of text.matchAll(/:((?:[0-9A-Fa-f]{2}){3,255})\r\n/g)) {
      const content = Uint8Array.from(Buffer.from(found[1] ?? '', 'hex'))
      const end = found.index + found[0].length
      if (content.reduce((sum, byte) => sum + byte, 0) % 0x100 === 0) {
        noise += found.index - used
        const frame = bytes.subarray(found.index, end)
        requests.push({ unitId: content[0] ?? 0, pdu: content.slice(1, -1), transaction: 0, frame })
      } else noise += end - used
      used = end
    }
    const colon = text.lastIndexOf(':')
    const begun = colon >= used && text.length - colon <= ASCII_FRAME_MAX ? colon : text.length
    return { requests, rest: bytes.subarray(begun), noise: noise + begun - used }
  },
}

function rtuRequest(frame: Uint8Array): HeardRequest {
  return { unitId: frame[0] ?? 0, pdu: frame.slice(1, -2), transaction: 0, frame }
}

/** Unit, function, data and CRC of a request that begins here; undefined for functions that only silence can end. */
function rtuRequestLength(bytes: Uint8Array): number | undefined {
  const functionCode = bytes[1] ?? 0
  if (functionCode >= 1 && functionCode <= 6) return 8
  switch (functionCode) {
    case 15:
    case 16:
      return 9 + (bytes[6] ?? 0)
    case 17:
      return 4
    case 22:
      return 10
    case 23:
      return 13 + (bytes[10] ?? 0)
    case 43:
      return 7
    default:
      return undefined
  }
}

function withOneBitWrong(frame: Uint8Array, at: number): Uint8Array {
  return frame.map((byte, index) => (index === at ? byte ^ 0x01 : byte))
}

function digitAfter(character: number): number {
  return '0123456789ABCDEF'.charCodeAt((Number.parseInt(String.fromCharCode(character), 16) ^ 1) & 0xf)
}
