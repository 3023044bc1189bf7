/**
 * Protocol data units: function code and data, as they are in every framing (MODBUS Application Protocol V1.1b3, sections
 * 4.1 and 6). Pure.
 */

/** Encapsulated interface transport, section 6.19. */
export const IDENTIFICATION = 43
/** Its type for device identification, section 6.21. */
const IDENTIFICATION_TYPE = 14
const EXCEPTION_FLAG = 0x80
/** Function, type, read code, conformity, more follows, next object, number of objects. */
const IDENTIFICATION_HEAD_BYTES = 7
/** Functions whose confirmation is the very request: one coil, one register, mask of a register. */
const confirmedByThemselves = [5, 6, 22]

/** The length a normal reply to this request has, function code included; undefined where only the reply itself tells. */
export function replyLength(requestPdu: Uint8Array): number | undefined {
  const count = ((requestPdu[3] ?? 0) << 8) | (requestPdu[4] ?? 0)
  switch (requestPdu[0]) {
    case 1:
    case 2:
      return 2 + Math.ceil(count / 8)
    case 3:
    case 4:
    case 23:
      return 2 + count * 2
    case 5:
    case 6:
    case 15:
    case 16:
      return 5
    case 22:
      return 7
    default:
      return undefined
  }
}

/** Does this pdu answer this request: same function (or its exception), exact length, and for writes the same place? */
export function belongs(pdu: Uint8Array, requestPdu: Uint8Array): boolean {
  const functionCode = requestPdu[0] ?? 0
  // There is no exception 0 (section 7).
  if (pdu[0] === (functionCode | EXCEPTION_FLAG)) return pdu.length === 2 && pdu[1] !== 0
  if (functionCode === IDENTIFICATION) return isIdentification(pdu, requestPdu)
  if (pdu[0] !== functionCode || pdu.length !== replyLength(requestPdu)) return false
  if (isRead(functionCode)) return pdu[1] === pdu.length - 2
  // Writes: address and value (5, 6), count (15, 16) or masks (22) come back as they were sent.
  return startsWith(pdu, requestPdu.subarray(0, pdu.length))
}

/** Could a frame that begins like this become the reply, whatever comes behind? `head` may be short. */
export function mayBelong(head: Uint8Array, requestPdu: Uint8Array): boolean {
  const functionCode = requestPdu[0] ?? 0
  if (head[0] === (functionCode | EXCEPTION_FLAG)) return true
  if (head[0] !== functionCode) return false
  return !isRead(functionCode) || head[1] === undefined || head[1] + 2 === replyLength(requestPdu)
}

/** The exception code of a reply, 0 when it is none. */
export function exceptionOf(pdu: Uint8Array): number {
  return isException(pdu[0] ?? 0) ? (pdu[1] ?? 0) : 0
}

export function isException(functionCode: number): boolean {
  return (functionCode & EXCEPTION_FLAG) !== 0
}

/** Where the reply begins with the number of its data bytes. */
export function isRead(functionCode: number): boolean {
  return (functionCode >= 1 && functionCode <= 4) || functionCode === 23
}

/** The confirmation of such a request is the very same bytes: an echo looks like success. */
export function isItsOwnReply(requestPdu: Uint8Array): boolean {
  return confirmedByThemselves.includes(requestPdu[0] ?? 0)
}

/**
 * Where the head and the objects of an identification end, one place after each of them: devices disagree whether the count is that of
 * this reply or of all replies together, so any of these may be the end. Empty when this is no such reply.
 */
export function identificationEnds(pdu: Uint8Array): readonly number[] {
  if (pdu[0] !== IDENTIFICATION || pdu[1] !== IDENTIFICATION_TYPE) return []
  let at = IDENTIFICATION_HEAD_BYTES
  if (pdu.length < at) return []
  const ends = [at]
  for (let count = pdu[6] ?? 0; count > 0 && at + 1 < pdu.length; count--) {
    at += 2 + (pdu[at + 1] ?? 0)
    if (at <= pdu.length) ends.push(at)
  }
  return ends
}

/** `readCode`: 1 basic, 2 regular, 3 extended; the objects of that category come from `objectId` on. */
export function identificationRequest(readCode: number, objectId: number): Uint8Array {
  return Uint8Array.of(IDENTIFICATION, IDENTIFICATION_TYPE, readCode, objectId)
}

/** A part of what a device tells about itself. */
export interface IdentificationPart {
  /** Texts by object id. */
  readonly objects: Readonly<Record<number, string>>
  /** The object to ask for next; absent when this was the last part. */
  readonly next?: number
}

/** Takes a checked reply apart. */
export function readIdentification(pdu: Uint8Array): IdentificationPart {
  const starts = identificationEnds(pdu).slice(0, -1)
  const objects = Object.fromEntries(
    starts.map((at) => {
      const bytes = pdu.subarray(at + 2, at + 2 + (pdu[at + 1] ?? 0))
      return [pdu[at] ?? 0, printable(bytes)]
    }),
  )
  return pdu[4] === 0xff && pdu[5] !== undefined ? { objects, next: pdu[5] } : { objects }
}

function isIdentification(pdu: Uint8Array, requestPdu: Uint8Array): boolean {
  const first = requestPdu[3] ?? 0
  // A device begins where it was asked to; without that object, at the first one it has.
  if (first > 0 && pdu[IDENTIFICATION_HEAD_BYTES] !== first) return false
  return startsWith(pdu, requestPdu.subarray(0, 3)) && identificationEnds(pdu).at(-1) === pdu.length
}

/** Identification is ASCII by the specification; what is not becomes a question mark. */
function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/\0+$/, '')
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
}

export function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  return bytes.length >= head.length && head.every((byte, index) => bytes[index] === byte)
}
