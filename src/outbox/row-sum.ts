/** What of a row is covered, as it is stored. */
export interface SummedRow {
  readonly seq: number
  readonly kind: number
  readonly boot: number
  readonly mono: number
  readonly target: number
  readonly expires: number
  readonly source: string
  readonly reply?: string | null | undefined
}

const START = -2128831035
const PRIME = 16777619
const WORD = 0x1_0000_0000

/**
 * Checksum of a row (FNV-1a over numbers and UTF-16 code units, 32 bits). SQLite notices a page that makes no sense, but not
 * a body with other bytes in it: without this a destroyed page would be delivered as a reading (P6). `body` is
 * text[from..end): bodies are not cut out for it.
 */
export function rowSum(row: SummedRow, text: string, from = 0, end = text.length): number {
  let sum = mix(mix(START, row.seq), row.mono)
  sum = Math.imul(sum ^ row.kind, PRIME)
  sum = Math.imul(sum ^ row.boot, PRIME)
  sum = Math.imul(sum ^ row.target, PRIME)
  sum = mix(sum, row.expires)
  const { source } = row
  for (let at = 0; at < source.length; at += 1) sum = Math.imul(sum ^ source.charCodeAt(at), PRIME)
  for (let at = from; at < end; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), PRIME)
  return row.reply ? mixText(mix(sum, END), row.reply) : sum
}

/** Between two texts, so that none passes for a part of the other: no character. */
const END = 0x1_0000

function mixText(start: number, text: string): number {
  let sum = start
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), PRIME)
  return sum
}

/** A number beyond 32 bits, in two steps. */
function mix(sum: number, value: number): number {
  return Math.imul(Math.imul(sum ^ value, PRIME) ^ Math.floor(value / WORD), PRIME)
}

/** A row that is not what was stored: damage, as if SQLite itself had found it. */
export class RowDamagedError extends Error {
  readonly code = 'SQLITE_CORRUPT_ROW'
  constructor(seq: number) {
    super(`the record ${seq} is not what was stored`)
    this.name = 'RowDamagedError'
  }
}
