import type { Fault } from '../../simulation.ts'

export const noFault: Fault = { kind: 'none' }

/** A reply before it becomes a frame. */
export interface Reply {
  readonly unitId: number
  readonly pdu: Uint8Array
  readonly transaction: number
}

/** How a kind of frame is made, and made wrong. */
export interface FrameMaker {
  build(reply: Reply): Uint8Array
  /** The frame with one bit wrong; undefined where a receiver could not notice and so none is ever delivered (TCP). */
  damage(frame: Uint8Array): Uint8Array | undefined
}

const NOISE = Uint8Array.of(0x00, 0xff, 0x55, 0x13, 0x37, 0x80, 0x42)

/** What the fault adds to the time until the reply, in ms. */
export function delayOf(fault: Fault): number {
  return fault.kind === 'slow' || fault.kind === 'late' ? fault.ms : 0
}

/** The reply with what the fault changes about its content. */
function distort(reply: Reply, fault: Fault): Reply {
  switch (fault.kind) {
    case 'foreign':
      return { ...reply, unitId: fault.unitId }
    case 'wrong_function':
      return { ...reply, pdu: reply.pdu.map((byte, index) => (index === 0 ? byte ^ 0x07 : byte)) }
    case 'wrong_length':
      return { ...reply, pdu: longer(reply.pdu) }
    case 'wrong_transaction':
      return { ...reply, transaction: (reply.transaction + 0x7fff) & 0xffff }
    default:
      return reply
  }
}

/** The bytes that go out for a sound reply and the request it answers; undefined: none. */
export function spoil(
  { reply, request }: { readonly reply: Reply; readonly request: Uint8Array },
  fault: Fault,
  maker: FrameMaker,
): Uint8Array | undefined {
  const frame = maker.build(distort(reply, fault))
  switch (fault.kind) {
    case 'dead':
      return undefined
    case 'torn':
      return frame.subarray(0, fault.bytes)
    case 'noisy': {
      const where = fault.where ?? 'before'
      return Buffer.concat([where === 'behind' ? none : NOISE, frame, where === 'before' ? none : NOISE])
    }
    case 'crc':
      return maker.damage(frame)
    case 'doubled':
      return Buffer.concat([frame, frame])
    case 'glued':
      return Buffer.concat([maker.build(ofNeighbour(reply)), frame])
    case 'echo':
      return Buffer.concat([request, frame])
    default:
      return frame
  }
}

const none = new Uint8Array()

/** Two bytes more than asked for, with a byte count that agrees. */
function longer(pdu: Uint8Array): Uint8Array {
  const grown = new Uint8Array(pdu.length + 2)
  grown.set(pdu)
  const functionCode = pdu[0] ?? 0
  if (functionCode <= 4 || functionCode === 23) grown[1] = (pdu[1] ?? 0) + 2
  return grown
}

/** What the next unit would say if it had been asked the same: other data of the same length. */
function ofNeighbour(reply: Reply): Reply {
  const last = reply.pdu.length - 1
  return {
    unitId: (reply.unitId % 247) + 1,
    pdu: reply.pdu.map((byte, index) => (index === last ? byte ^ 0x01 : byte)),
    transaction: (reply.transaction + 1) & 0xffff,
  }
}
