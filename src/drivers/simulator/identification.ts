import { PDU_BYTES_MAX } from '../../modbus-limits.ts'
import { IDENTIFICATION } from '../modbus/pdu.ts'
import { ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refusal } from './refusal.ts'

const IDENTIFICATION_TYPE = 14
const HEAD_BYTES = 7
const SERVER_ID = 17
const RUNNING = 0xff
const SERVER_TEXT_BYTES_MAX = 240
/** The last object of the basic and of the regular category; what is above 0x7f is extended. */
const lastOf: Readonly<Record<number, number>> = { 1: 2, 2: 0x7f, 3: 0xff }
const INDIVIDUAL = 4

/** Read device identification (section 6.21), in as many parts as the texts need. Throws Refusal. */
export function identificationReply(identity: Readonly<Record<number, string>>, pdu: Uint8Array): Uint8Array {
  const known = Object.keys(identity)
    .map(Number)
    .sort((a, b) => a - b)
  if (known.length === 0 || pdu[1] !== IDENTIFICATION_TYPE) throw new Refusal(ILLEGAL_FUNCTION)
  const [, , code = 0, first = 0] = pdu
  if (pdu.length !== 4 || code < 1 || code > INDIVIDUAL) throw new Refusal(ILLEGAL_VALUE)
  if (code === INDIVIDUAL && !known.includes(first)) throw new Refusal(ILLEGAL_ADDRESS)
  const wanted = code === INDIVIDUAL ? [first] : inCategory(known, { first, last: lastOf[code] ?? 0 })
  const objects: Uint8Array[] = []
  let room = PDU_BYTES_MAX - HEAD_BYTES
  for (const id of wanted) {
    const text = Buffer.from(identity[id] ?? '', 'latin1').subarray(0, PDU_BYTES_MAX - HEAD_BYTES - 2)
    if (text.length + 2 > room) break
    room -= text.length + 2
    objects.push(Uint8Array.of(id, text.length, ...text))
  }
  const next = wanted[objects.length]
  const more = next === undefined ? [0, 0] : [0xff, next]
  const head = [IDENTIFICATION, IDENTIFICATION_TYPE, code, levelOf(known), ...more, objects.length]
  return Uint8Array.from(Buffer.concat([Uint8Array.from(head), ...objects]))
}

/** Report server id (section 6.13): an id, that it runs, and its texts in one. Throws Refusal. */
export function serverIdReply(identity: Readonly<Record<number, string>>): Uint8Array {
  const texts = Object.values(identity)
  if (texts.length === 0) throw new Refusal(ILLEGAL_FUNCTION)
  const text = Buffer.from(texts.join(' '), 'latin1').subarray(0, SERVER_TEXT_BYTES_MAX)
  return Uint8Array.of(SERVER_ID, text.length + 2, 1, RUNNING, ...text)
}

/** From the object asked for on; from the beginning when that one is not there. */
function inCategory(known: readonly number[], range: { readonly first: number; readonly last: number }): number[] {
  const category = known.filter((id) => id <= range.last)
  return category.includes(range.first) ? category.filter((id) => id >= range.first) : category
}

/** Conformity: the highest category there is, and that objects can be asked for one by one. */
function levelOf(known: readonly number[]): number {
  const highest = known.at(-1) ?? 0
  return 0x80 | (highest > 0x7f ? 3 : highest > 2 ? 2 : 1)
}
