/** Looking at a unit that nobody has described yet: raw registers, and what it tells about itself. */
import type { Identification } from '../driver.ts'
import type { Outcome } from './client.ts'
import { readIdentification } from './pdu.ts'
import { codeOf } from './reading.ts'
import type { Unit } from './unit.ts'

/** Read device identification codes (MODBUS Application Protocol V1.1b3, section 6.21). */
const BASIC = 1
const REGULAR = 2
const ILLEGAL_ADDRESS = 2
const ILLEGAL_VALUE = 3
/** A device has at most 256 objects, and sends several at a time; one that goes on for longer goes round in circles. */
const PARTS_MAX = 32

/** The texts of the regular category, of the basic one where a device knows no other. */
export async function identify(unit: Unit): Promise<Identification> {
  const regular = await textsOf(unit, REGULAR)
  if (
    regular.ok ||
    (regular.code !== `exception_${ILLEGAL_ADDRESS}` && regular.code !== `exception_${ILLEGAL_VALUE}`)
  ) {
    return regular
  }
  return textsOf(unit, BASIC)
}

/** Part after part. When a later one fails, what came before it still holds: every text is named by its object id. */
async function textsOf(unit: Unit, readCode: number): Promise<Identification> {
  let objects: Readonly<Record<number, string>> = {}
  let objectId = 0
  for (let part = 0; part < PARTS_MAX; part++) {
    const outcome: Outcome<Uint8Array> = await unit.identification({ readCode, objectId })
    if (!outcome.ok) return part === 0 ? { ok: false, code: codeOf(outcome) } : { ok: true, objects }
    const { objects: more, next } = readIdentification(outcome.value)
    objects = { ...objects, ...more }
    if (next === undefined || next <= objectId) break
    objectId = next
  }
  return { ok: true, objects }
}
