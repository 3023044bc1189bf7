/** What `tidegate probe` shows. Pure. */
import { formatRef, type RegisterPlace } from '../../config/ref.ts'
import type { PlainValue } from '../../device-api.ts'
import type { Value } from '../../model.ts'
import { isBitTable } from '../../point-types.ts'
import { table } from '../table.ts'
import { type Block, type Hit, hitsIn, isTorn, type Range } from './expected.ts'
import { byteOrders, type Interpretation, interpretations, printable, textIn, type Width } from './interpretations.ts'
import { describePlace } from './place.ts'

/** Bytes, or why there are none. */
export type Registers =
  | { readonly bytes: Uint8Array; readonly code?: never }
  | { readonly bytes?: never; readonly code: string }

/** What was read. */
export interface Probed {
  readonly connection: string
  readonly unitId: number
  readonly place: RegisterPlace
  readonly count: number
  readonly tookMs: number
  readonly bytes: Uint8Array
  /** The same number of registers one lower and one higher; absent where there is no such address. */
  readonly lower?: Registers
  readonly higher?: Registers
  readonly range?: Range
}

export function probeText(probed: Probed): string[] {
  const { unitId, place, count, tookMs } = probed
  const head = `unit ${unitId}, ${describePlace(place, count)}, reply in ${Math.round(tookMs)} ms`
  if (isBitTable(place.register)) return [head, ...bitLines(probed)]
  const found = hitsOf(probed)
  const isHit = (one: Interpretation) => found.some((hit) => isSame(hit, { ...one, address: place.address + one.at }))
  return [
    head,
    '',
    ...indented(registerLines(probed, isHit)),
    ...([2, 4] as const).flatMap((width) => wideLines(probed, { width, isHit })),
    ...textLines(probed),
    ...(probed.range ? ['', ...verdictLines({ ...probed, range: probed.range }, found)] : []),
  ]
}

/** The same for programs. */
export function probeDocument(probed: Probed) {
  const { connection, unitId, place, count, tookMs, bytes, lower, higher } = probed
  const widths: readonly Width[] = [1, 2, 4]
  const all = isBitTable(place.register)
    ? []
    : widths.flatMap((width) =>
        starts(count, { width }).flatMap((at) =>
          interpretations(bytes, { at, width }).map(({ at: _, value, ...one }) => ({
            address: place.address + at,
            ...one,
            ...(value === undefined ? {} : { value: plain(value) }),
          })),
        ),
      )
  return {
    connection,
    unitId,
    ...place,
    count,
    tookMs,
    hex: hexOf(bytes),
    interpretations: all,
    hits: hitsOf(probed).map((hit) => ({ ...hit, paste: pasteOf(hit, place) })),
    neighbours: { ...(lower && { lower: neighbour(lower) }), ...(higher && { higher: neighbour(higher) }) },
  }
}

function neighbour({ bytes, code }: Registers): { hex: string } | { code: string } {
  return bytes ? { hex: hexOf(bytes) } : { code: code ?? 'io' }
}

function hitsOf({ place, bytes, lower, higher, range }: Probed): Hit[] {
  if (!range || isBitTable(place.register)) return []
  const blocks: Block[] = [{ address: place.address, bytes }]
  if (higher?.bytes) blocks.push({ address: place.address + 1, bytes: higher.bytes })
  if (lower?.bytes) blocks.push({ address: place.address - 1, bytes: lower.bytes })
  return hitsIn(blocks, { range, address: place.address })
}

type Place = Pick<Hit, 'address' | 'type' | 'byteOrder'>

function isSame(a: Place, b: Place): boolean {
  return a.address === b.address && a.type === b.type && a.byteOrder === b.byteOrder
}

type IsHit = (one: Interpretation) => boolean

/** One line a register. */
function registerLines({ place, count, bytes }: Probed, isHit: IsHit): string[] {
  const rows = starts(count, { width: 1 }).map((at) => {
    const two = bytes.subarray(at * 2, at * 2 + 2)
    const all = interpretations(bytes, { at, width: 1 }).filter((one) => one.byteOrder === 'ABCD')
    const address = place.address + at
    const bits = [...two].map((byte) => byte.toString(2).padStart(8, '0')).join(' ')
    return [
      String(address),
      formatRef({ register: place.register, address }),
      `0x${hexOf(two)}`,
      ...all.map((one) => cellOf(one, isHit)),
      printable(two),
      bits,
    ]
  })
  const head = ['ADDR', 'ref', 'hex', 'uint16', 'int16', 'bcd16', 'float16', 'text', 'bits 15..8 7..0']
  return table([head, ...rows], { right: [3, 4, 5, 6] })
}

/** Two or four registers together: one line for each byte order. */
function wideLines(
  { place, count, bytes }: Probed,
  { width, isHit }: { readonly width: Width; readonly isHit: IsHit },
): string[] {
  return starts(count, { width, step: width }).flatMap((at) => {
    const all = interpretations(bytes, { at, width })
    const first = place.address + at
    const types = [...new Set(all.map(({ type }) => type))]
    const head = [`${first}..${first + width - 1}`, ...types]
    const rows = byteOrders.map((order) => [
      order,
      ...all.filter(({ byteOrder }) => byteOrder === order).map((one) => cellOf(one, isHit)),
    ])
    return ['', ...indented(table([head, ...rows], { right: types.map((_, index) => index + 1) }))]
  })
}

function textLines({ place, count, bytes }: Probed): string[] {
  const found = count > 1 ? textIn(bytes) : undefined
  if (!found) return []
  const order = found.byteOrder === 'ABCD' ? '' : `, byte_order: ${found.byteOrder}`
  const paste = `name: { register: ${place.register}, address: ${place.address}, type: string, length: ${count}${order} }`
  return ['', `as a text: ${JSON.stringify(found.text)}`, `Paste:  ${paste}`]
}

function bitLines({ place, count, bytes }: Probed): string[] {
  const rows = starts(count, { width: 1 }).map((at) => {
    const address = place.address + at
    const on = ((bytes[at >> 3] ?? 0) >> (at & 7)) & 1
    return [String(address), formatRef({ register: place.register, address }), String(on)]
  })
  const paste = `Paste:  name: { register: ${place.register}, address: ${place.address} }`
  return ['', ...indented(table([['ADDR', 'ref', 'value'], ...rows], { right: [2] })), '', paste]
}

/** Does it begin where it was looked for? */
function verdictLines(probed: Probed & { readonly range: Range }, found: readonly Hit[]): string[] {
  const { place, lower, higher, range } = probed
  const expected = `${range.min}..${range.max}`
  const [first, ...others] = found
  if (!first)
    return [
      `nothing here is in ${expected}, nor one register lower or higher, nor in tenths, hundredths or thousandths`,
    ]
  const shift = first.address - place.address
  const sound = others.filter((hit) => !isTorn(hit))
  const elsewhere = sound.find((hit) => hit.address !== first.address && Math.abs(hit.address - place.address) <= 1)
  const also = others.filter((hit) => hit.address === first.address).slice(0, 3)
  const lines = [
    `in the expected range: ${[first, ...also].map(hitText).join(', or ')}`,
    `Paste:  ${pasteOf(first, place)}`,
    ...also.map((hit) => `or:     ${pasteOf(hit, place)}`),
    ...(wraps([first, ...also]) ? [WRAPS] : []),
  ]
  const fits = (by: number) => sound.some((hit) => hit.address === place.address + by)
  const beside = [
    besideText('one lower', { registers: lower, fits: fits(-1) }),
    besideText('one higher', { registers: higher, fits: fits(1) }),
  ]
  if (shift === 0) lines.push(`neighbours: ${beside.join('; ')}`)
  else lines.push(shiftText(shift, { register: place.register, address: first.address }))
  if (elsewhere) {
    const other = `${hitText(elsewhere)} at ${elsewhere.address}`
    lines.push(`also in the range: ${other}. Compare all digits with the display.`)
    lines.push(`or:     ${pasteOf(elsewhere, place)}`)
  }
  return lines
}

/** A small number reads the same as one register and as two of which the high one is empty. */
function wraps(hits: readonly Hit[]): boolean {
  const isNumber = (type: string) => hits.some((hit) => hit.type === type)
  return (isNumber('uint16') || isNumber('int16')) && (isNumber('uint32') || isNumber('int32'))
}

const WRAPS = 'One register begins anew above 65535, two go on: see the register list.'

function shiftText(shift: number, place: RegisterPlace): string {
  const where = `${place.address} (datasheet ${formatRef(place)})`
  if (shift === -1) {
    return `SHIFTED BY ONE: it begins one register lower, at ${where}.\nThe list counts from 1, address: counts from 0.`
  }
  if (shift === 1) {
    return `SHIFTED BY ONE: it begins one register higher, at ${where}.\nThe list counts from 0, a reference counts from 1.`
  }
  return `it begins ${shift} registers further on, at ${where}`
}

function besideText(
  name: string,
  { registers, fits }: { readonly registers: Registers | undefined; readonly fits: boolean },
): string {
  if (!registers) return `${name} -> none`
  if (!registers.bytes) return `${name} -> ${registers.code}`
  return `${name} -> ${words(registers.bytes)}, ${fits ? 'in range as well' : 'not in range'}`
}

const WORDS_SHOWN = 4

function words(bytes: Uint8Array): string {
  const all = hexOf(bytes).match(/.{4}/g) ?? []
  const shown = all.slice(0, WORDS_SHOWN).map((word) => `0x${word}`)
  return `${shown.join(' ')}${all.length > WORDS_SHOWN ? ' ...' : ''}`
}

function hitText({ type, byteOrder, scale, value }: Hit): string {
  const order = /16$/.test(type) && byteOrder === 'ABCD' ? '' : ` ${byteOrder}`
  return `${type}${order}${scale === 1 ? '' : ` x ${scale}`} = ${value}`
}

/** A point of the configuration. */
function pasteOf({ address, type, byteOrder, scale }: Hit, { register }: RegisterPlace): string {
  const order = byteOrder === 'ABCD' ? '' : `, byte_order: ${byteOrder}`
  const factor = scale === 1 ? '' : `, scale: ${scale}`
  return `name: { register: ${register}, address: ${address}, type: ${type}${order}${factor} }`
}

function cellOf(one: Interpretation, isHit: IsHit): string {
  const isFloat = one.type.startsWith('float')
  const text = one.value === undefined ? '-' : isFloat ? floatText(Number(one.value)) : String(one.value)
  return isHit(one) ? `${text} <==` : text
}

/** Short where it is far from anything a person would expect. */
function floatText(value: number): string {
  const size = Math.abs(value)
  return value === 0 || (size >= 1e-3 && size < 1e7) ? String(Number(value.toPrecision(7))) : value.toExponential(2)
}

function plain(value: Value): PlainValue {
  return typeof value === 'bigint' ? value.toString() : value
}

/** The registers at which a value of this width can begin. */
function starts(count: number, { width, step = 1 }: { readonly width: number; readonly step?: number }): number[] {
  return Array.from({ length: Math.max(0, Math.floor((count - width) / step) + 1) }, (_, index) => index * step)
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => ` ${line}`)
}
