import { formatRef } from '../../config/ref.ts'
import type { PlainValue, ReadAnswer, ReadSample } from '../../device-api.ts'
import { formatTime } from '../format.ts'
import { table } from '../table.ts'
import { explained } from './codes.ts'

/** What `tidegate read` prints. Pure. */
export function readText({ device, connection, unitId, ts, tookMs, samples }: ReadAnswer): string[] {
  const raw = samples.some((sample) => sample.raw !== undefined)
  const rows = samples.map((sample) => (raw ? rawRow(sample) : [sample.point, valueText(sample)]))
  const head = raw ? [['POINT', 'value', 'raw', 'place', 'type']] : []
  const isModbus = samples.some((sample) => sample.register !== undefined)
  const place = isModbus ? `${connection}, unit ${unitId}` : connection
  return [
    `${device}   ${place}   ${formatTime(ts)}   took ${Math.round(tookMs)} ms`,
    ...table([...head, ...rows]).map((line) => `  ${line}`),
  ]
}

interface Shown {
  readonly value?: PlainValue | undefined
  readonly error?: string | undefined
  readonly unit?: string | undefined
}

/** "230.4 V", or "! exception_2: ..." */
export function valueText({ value, error, unit }: Shown): string {
  if (value === undefined) return `! ${explained(error ?? 'io')}`
  const text = typeof value === 'string' && unit === undefined ? value : String(value)
  return unit === undefined ? text : `${text} ${unit}`
}

function rawRow(sample: ReadSample): string[] {
  const { point, value, error, raw, register, address, type, byteOrder } = sample
  const shown = value === undefined ? `! ${error}` : valueText(sample)
  if (register === undefined || address === undefined) return [point, shown, '-', '-', type]
  const order = byteOrder === undefined || byteOrder === 'ABCD' ? '' : ` ${byteOrder}`
  return [point, shown, rawText(raw), `${register} ${address} (${formatRef({ register, address })})`, `${type}${order}`]
}

/** Words shown; all are in `--json`. */
const WORDS_SHOWN = 4

/** "0x4366 0x8000"; a bit is 0 or 1; of a text the first four words: "0x4561 0x7374 0x726f 0x6e00 +12". */
function rawText(raw: string | undefined): string {
  if (raw === undefined) return '-'
  if (raw.length === 2) return String(Number(`0x${raw}`))
  const words = raw.match(/.{4}/g) ?? []
  const shown = words.slice(0, WORDS_SHOWN).map((word) => `0x${word}`)
  const more = words.length - shown.length
  return [...shown, ...(more > 0 ? [`+${more}`] : [])].join(' ')
}
