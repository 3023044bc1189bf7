import type { RegisterPlace } from '../../config/ref.ts'
import type { RawQuestion, RawReply } from '../../device-api.ts'
import { GatewayError } from '../../errors.ts'
import { ADDRESS_END, readMaxOf } from '../../modbus-limits.ts'
import { isBitTable } from '../../point-types.ts'
import type { LineSettings } from '../../settings.ts'
import { explained } from './codes.ts'
import type { Range } from './expected.ts'
import { lineFrom } from './lines.ts'
import { describePlace, parseExpected, parseStart, parseTable } from './place.ts'
import { type Probed, probeDocument, probeText, type Registers } from './probe-text.ts'
import { type DeviceFlags, type Target, type TargetFlags, withTarget } from './source.ts'

export interface ProbeFlags extends DeviceFlags, TargetFlags {
  readonly unit: number
  readonly start: string
  readonly count?: number
  readonly table?: string
  readonly expect?: string
  readonly timeout?: number
}

/** Counts when none is given: enough for a float, and a byte of bits. */
const REGISTERS_DEFAULT = 2
const BITS_DEFAULT = 8

/** `tidegate probe`: what registers hold, read in every way. Status 1 when there is no reply, or nothing that was expected. */
export function probe(name: string | undefined, flags: ProbeFlags): Promise<number> {
  const table = flags.table === undefined ? undefined : parseTable(flags.table)
  const place = parseStart(flags.start, table)
  const count = countOf(place, flags.count)
  const range = flags.expect === undefined ? undefined : parseExpected(flags.expect)
  return withTarget({ ...flags, name }, async (target) => {
    const probed = await ask(target, { flags, place, count, ...(range ? { range } : {}) })
    if (flags.json) console.log(JSON.stringify(probeDocument(probed), null, 2))
    else console.log(probeText(probed).join('\n'))
    return range && !isBitTable(place.register) && probeDocument(probed).hits.length === 0 ? 1 : 0
  })
}

interface Wanted {
  readonly flags: ProbeFlags
  readonly place: RegisterPlace
  readonly count: number
  readonly range?: Range
}

/** Reads where it was asked for, and the same one lower and one higher, each in a request of its own. */
async function ask(target: Target, wanted: Wanted): Promise<Probed> {
  const { flags, place, count, range } = wanted
  const { register, address } = place
  const asker = new Asker(target, flags)
  const here = await asker.once({ register, address, count })
  if (!here?.ok || !('hex' in here)) {
    const fewer = flags.count === undefined && isRefusal(here) ? await longest(asker, wanted) : 0
    if (fewer === 0) throw await failure(asker, { here, wanted })
    console.error(`${count} from ${address} on are refused, ${fewer} ${fewer === 1 ? 'is' : 'are'} not.`)
    return ask(target, { ...wanted, flags: { ...flags, count: fewer }, count: fewer })
  }
  const beside = [address - 1, address + 1].filter((start) => start >= 0 && start + count <= ADDRESS_END)
  const replies = await asker.ask(beside.map((start) => ({ register, address: start, count })))
  const at = (start: number) => (beside.includes(start) ? registersOf(replies[beside.indexOf(start)]) : undefined)
  const [lower, higher] = [at(address - 1), at(address + 1)]
  return {
    connection: target.connection.name,
    unitId: flags.unit,
    place,
    count,
    tookMs: here.tookMs,
    bytes: Buffer.from(here.hex, 'hex'),
    ...(lower ? { lower } : {}),
    ...(higher ? { higher } : {}),
    ...(range ? { range } : {}),
  }
}

class Asker {
  readonly target: Target
  readonly #flags: ProbeFlags
  readonly #line: LineSettings | undefined

  constructor(target: Target, flags: ProbeFlags) {
    this.target = target
    this.#flags = flags
    this.#line = flags.line === undefined ? undefined : lineFrom(flags.line)
  }

  /** A damaged reply says nothing: one more. */
  async once(range: RegisterPlace & { readonly count: number }): Promise<RawReply | undefined> {
    const [reply] = await this.ask([range])
    const isOdd = reply && !reply.ok && reply.code !== 'timeout' && !isRefusal(reply)
    return isOdd ? (await this.ask([range]))[0] : reply
  }

  async ask(ranges: readonly (RegisterPlace & { readonly count: number })[]): Promise<readonly RawReply[]> {
    if (ranges.length === 0) return []
    const { unit: unitId, timeout } = this.#flags
    const questions = ranges.map((range): RawQuestion => ({ unitId, ...range }))
    const order = {
      questions,
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      ...(this.#line ? { line: this.#line } : {}),
    }
    return this.target.tools.ask(this.target.connection.name, order)
  }
}

function registersOf(reply: RawReply | undefined): Registers {
  if (reply?.ok && 'hex' in reply) return { bytes: Buffer.from(reply.hex, 'hex') }
  return { code: reply && !reply.ok ? reply.code : 'io' }
}

/** What is wrong, and what would do. */
async function failure(
  asker: Asker,
  { here, wanted }: { readonly here: RawReply | undefined; readonly wanted: Wanted },
): Promise<GatewayError> {
  const { place, count } = wanted
  const code = here && !here.ok ? here.code : 'io'
  const isThere = isRefusal(here)
  const hint = isThere ? await otherPlace(asker, wanted) : `tidegate scan ${asker.target.words}`
  return new GatewayError('bad_answer', `no reading of ${describePlace(place, count)}: ${explained(code)}`, {
    ...(hint === undefined ? {} : { hint }),
  })
}

const otherTable = { holding: 'input', input: 'holding', coil: 'discrete', discrete: 'coil' } as const

/** The device is there: does it answer in the other table, or for one alone? */
async function otherPlace(asker: Asker, wanted: Wanted): Promise<string | undefined> {
  const { place, count, flags } = wanted
  // Somebody copied it out of a datasheet.
  if (flags.table !== undefined && REFERENCE.test(flags.start)) {
    return `-r ${flags.start} without -t, if that is a reference of a datasheet: with -t, -r counts from 0`
  }
  const register = otherTable[place.register]
  const [other] = await asker.ask([{ ...place, register, count }])
  if (other?.ok) return `-t ${register} -r ${place.address}: it answers there`
  const fewer = count > 1 ? await longest(asker, wanted) : 0
  return fewer > 0 ? `-c ${fewer}: so many answer from ${place.address} on` : undefined
}

const REFERENCE = /^[0134]\d{4,5}$/

function isRefusal(reply: RawReply | undefined): boolean {
  return reply !== undefined && !reply.ok && reply.code.startsWith('exception_')
}

/** How many answer in one request from there on, found by halves; 0 where not even one does. */
async function longest(asker: Asker, { place, count }: Wanted): Promise<number> {
  let [answers, refused] = [0, count]
  while (refused - answers > 1) {
    const middle = Math.floor((answers + refused) / 2)
    const reply = await asker.once({ ...place, count: middle })
    if (reply?.ok) answers = middle
    else refused = middle
  }
  return answers
}

function countOf(place: RegisterPlace, given: number | undefined): number {
  const most = Math.min(readMaxOf(place.register), ADDRESS_END - place.address)
  const count = given ?? Math.min(isBitTable(place.register) ? BITS_DEFAULT : REGISTERS_DEFAULT, most)
  if (count >= 1 && count <= most) return count
  throw new GatewayError('usage', `-c ${count} does not fit: 1 to ${most} from ${place.address} on`)
}
