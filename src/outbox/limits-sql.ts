/**
 * The outbox in SQLite, storage thread only: what the limits look at. Every call looks at a bounded number of rows, however
 * long the backlog is.
 */
import type { Database } from 'better-sqlite3'
import type { OperationTable } from '../storage/operation.ts'
import type { OldestSlice, OldestSliceArgs, Others, OthersArgs } from './limits.ts'

/** Numbers one call looks at: reading the pages of so many rows takes an SD card some ten milliseconds. */
const EXAMINED_MAX = 2_000

const CONTENT_BYTES = 'octet_length(body) + ifnull(octet_length(reply), 0)'

/** Bytes of events and outcomes are asked for without reading their rows. */
export const limitsSchema: readonly string[] = [
  `CREATE INDEX record_others ON record (seq, ${CONTENT_BYTES}) WHERE kind > 0`,
]

export const limitsOperations: OperationTable = {
  'outbox.oldestSlice': prepareOldestSlice,
  'outbox.others': prepareOthers,
}

type Row = readonly [seq: number, boot: number, mono: number, target: number, expires: number, bytes: number]

function prepareOldestSlice(database: Database) {
  const next = database.prepare('SELECT seq FROM record WHERE seq >= ? ORDER BY seq LIMIT 1').pluck()
  const slice = (where: string) =>
    database
      .prepare(
        `SELECT seq, boot, mono, target, expires, ${CONTENT_BYTES} + octet_length(source) FROM record
         WHERE seq BETWEEN @first AND @last ${where} ORDER BY seq LIMIT @recordsMax`,
      )
      .raw()
  const statements = {
    all: slice(''),
    data: slice('AND kind = 0'),
    expiring: slice('AND expires BETWEEN 1 AND @expires'),
  }
  return ({ from, recordsMax, rows: which, expiresMax = 0 }: OldestSliceArgs): OldestSlice => {
    // Nothing may be left below, over any number of seqs: the slice begins with the first row there is.
    const first = next.get(from) as number | undefined
    if (first === undefined) return columns([], undefined)
    const last = first + EXAMINED_MAX - 1
    const expires = which === 'expiring' ? { expires: expiresMax } : {}
    const rows = statements[which].all({ first, last, recordsMax, ...expires }) as Row[]
    const reached = rows.length === recordsMax ? (rows.at(-1)?.[0] ?? last) : last
    return columns(rows, next.get(reached + 1) as number | undefined)
  }
}

function columns(rows: readonly Row[], next: number | undefined): OldestSlice {
  return {
    seqs: Float64Array.from(rows, (row) => row[0]),
    boots: Float64Array.from(rows, (row) => row[1]),
    monos: Float64Array.from(rows, (row) => row[2]),
    targets: Float64Array.from(rows, (row) => row[3]),
    expires: Float64Array.from(rows, (row) => row[4]),
    bytes: rows.reduce((sum, row) => sum + row[5], 0),
    ...(next === undefined ? {} : { next }),
  }
}

function prepareOthers(database: Database) {
  const sum = database.prepare(
    `SELECT count(*) AS count, ifnull(sum(bytes), 0) AS bytes, max(seq) AS last FROM
       (SELECT seq, ${CONTENT_BYTES} AS bytes FROM record WHERE kind > 0 AND seq > ? ORDER BY seq LIMIT ?)`,
  )
  return ({ after, recordsMax }: OthersArgs): Others => {
    const { count, bytes, last } = sum.get(after, recordsMax) as { count: number; bytes: number; last: number | null }
    return { count, bytes, ...(count < recordsMax || last === null ? {} : { last }) }
  }
}
