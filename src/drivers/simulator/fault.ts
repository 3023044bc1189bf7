/**
 * What a simulated unit can be made to do wrong. Set on the unit at run time.
 * - dead: no answer. slow: answers after `ms`. late: the same, meant to be longer than the asker waits.
 * - exception: refuses with this code (MODBUS Application Protocol V1.1b3, section 7).
 * - foreign: answers in the name of another unit. wrong_function, wrong_length, wrong_transaction: as they say.
 * - torn: only the first `bytes` of the frame. noisy: random bytes before the frame. doubled: the frame twice.
 */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'dead' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'foreign'; readonly unitId: number }
  | { readonly kind: 'wrong_function' }
  | { readonly kind: 'wrong_length' }
  | { readonly kind: 'wrong_transaction' }
  | { readonly kind: 'torn'; readonly bytes: number }
  | { readonly kind: 'noisy' }
  | { readonly kind: 'doubled' }

export const noFault: Fault = { kind: 'none' }

/** A reply on its way: what the frame will say, and when. */
export interface FaultyReply {
  readonly unitId: number
  readonly pdu: Uint8Array
  readonly transaction: number
  readonly delayMs: number
}

/** The reply as the fault leaves it; undefined when none is sent. */
export function distort(reply: Omit<FaultyReply, 'delayMs'>, fault: Fault): FaultyReply | undefined {
  const sound = { ...reply, delayMs: 0 }
  switch (fault.kind) {
    case 'dead':
      return undefined
    case 'slow':
    case 'late':
      return { ...sound, delayMs: fault.ms }
    case 'exception':
      return { ...sound, pdu: Uint8Array.of((reply.pdu[0] ?? 0) | 0x80, fault.code) }
    case 'foreign':
      return { ...sound, unitId: fault.unitId }
    case 'wrong_function':
      return { ...sound, pdu: Uint8Array.from(reply.pdu, (byte, index) => (index === 0 ? byte ^ 0x07 : byte)) }
    case 'wrong_length':
      return { ...sound, pdu: longer(reply.pdu) }
    case 'wrong_transaction':
      return { ...sound, transaction: (reply.transaction + 0x7fff) & 0xffff }
    default:
      return sound
  }
}

/** The bytes that go out for a frame: all of it, or what the fault makes of it. */
export function spoil(frame: Uint8Array, fault: Fault): Uint8Array {
  switch (fault.kind) {
    case 'torn':
      return frame.subarray(0, fault.bytes)
    case 'noisy':
      return Buffer.concat([Uint8Array.of(0x00, 0xff, 0x55, 0x13, 0x37, 0x80, 0x42), frame])
    case 'doubled':
      return Buffer.concat([frame, frame])
    default:
      return frame
  }
}

/** Two bytes more than asked for, with a byte count that agrees. */
function longer(pdu: Uint8Array): Uint8Array {
  const grown = new Uint8Array(pdu.length + 2)
  grown.set(pdu)
  if ((pdu[0] ?? 0) <= 4) grown[1] = (pdu[1] ?? 0) + 2
  return grown
}
