/** The spellings of mbpoll and of datasheets for what is to be read. Pure. */
import { formatRef, parseRef, type RegisterPlace } from '../../config/ref.ts'
import { GatewayError } from '../../errors.ts'
import type { RegisterTable } from '../../settings.ts'

/** mbpoll: 0 discrete outputs, 1 discrete inputs, 3 input registers, 4 holding registers. */
const tables: Readonly<Record<string, RegisterTable>> = {
  0: 'coil',
  1: 'discrete',
  3: 'input',
  4: 'holding',
  coil: 'coil',
  discrete: 'discrete',
  input: 'input',
  holding: 'holding',
}

/** `-t`: a number, a name; the format behind a colon (`4:float`) is left aside, since all are shown. */
export function parseTable(text: string): RegisterTable {
  const table = tables[text.split(':')[0]?.toLowerCase() ?? '']
  if (table !== undefined) return table
  throw new GatewayError('usage', `-t ${text} is no table`, {
    hint: '0 or coil, 1 or discrete, 3 or input, 4 or holding',
  })
}

/**
 * `-r` and `-t`. With a table, the start counts from 0, as on the wire. Without one, five or six digits that begin with 0,
 * 1, 3 or 4 are a reference of a datasheet, which names its table and counts from 1; anything else is a holding register.
 */
export function parseStart(start: string, table: RegisterTable | undefined): RegisterPlace {
  const isReference = table === undefined && /^[0134]\d{4,5}$/.test(start)
  if (isReference) {
    const parsed = parseRef(start)
    if ('value' in parsed) return parsed.value
    throw new GatewayError('usage', `-r ${parsed.problem}`, {
      hint: `as an address from 0: -t holding -r ${Number(start)}`,
    })
  }
  const address = /^0x[0-9a-f]+$/i.test(start) || /^\d+$/.test(start) ? Number(start) : Number.NaN
  if (address <= ADDRESS_LAST) return { register: table ?? 'holding', address }
  throw new GatewayError('usage', `-r ${start} is no address: expected 0 to ${ADDRESS_LAST}`, {
    hint: 'or a reference of a datasheet such as 30001, without -t',
  })
}

const ADDRESS_LAST = 65_535

/** "input registers 0..1 (datasheet 30001..30002)" */
export function describePlace({ register, address }: RegisterPlace, count: number): string {
  const noun = { holding: 'holding register', input: 'input register', coil: 'coil', discrete: 'discrete input' }[
    register
  ]
  const last = address + count - 1
  const numbers = count === 1 ? String(address) : `${address}..${last}`
  const first = formatRef({ register, address })
  const refs = count === 1 ? first : `${first}..${formatRef({ register, address: last })}`
  return `${noun}${count === 1 ? '' : 's'} ${numbers} (datasheet ${refs})`
}

/** `220..240`; both ends belong to it. */
export function parseExpected(text: string): { readonly min: number; readonly max: number } {
  const parts = /^(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)$/.exec(text)
  const [min, max] = [Number(parts?.[1]), Number(parts?.[2])]
  if (min <= max) return { min, max }
  throw new GatewayError('usage', `--expect ${text} is no range`, { hint: '--expect 220..240' })
}

/**
 * `7`. Tools may ask whom they like: those behind TCP are 0 and 255, too (MODBUS Messaging on TCP/IP V1.0b, 4.4.2), and
 * somebody may sit at a reserved address.
 */
export function parseUnit(text: string): number {
  const unit = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
  if (unit <= UNIT_LAST) return unit
  throw new GatewayError('usage', `"${text}" is no unit: expected 0 to ${UNIT_LAST}`, {
    hint: 'one unit; tidegate scan asks many',
  })
}

/** `1-32`, `1,2,5:9`: in the order given, each once. */
export function parseUnits(text: string): number[] {
  const units = text.split(',').flatMap((part) => {
    const [, from = part, to = from] = /^(\d{1,3})(?:[-:](\d{1,3}))?$/.exec(part.trim()) ?? []
    const [first, last] = [parseUnit(from), parseUnit(to)]
    if (first > last) {
      throw new GatewayError('usage', `"${part}" begins above its end`, { hint: `${last}-${first}` })
    }
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  return [...new Set(units)]
}

const UNIT_LAST = 255
