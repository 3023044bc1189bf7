/** The outbox in SQLite, storage thread only: reading rows. */
import type { Database } from 'better-sqlite3'
import { prepareWants } from './audience-sql.ts'
import type { OldestArgs, OldestRows, Page, PageArgs, RecordColumns, SeekArgs } from './operations.ts'
import { repliesIn } from './reply.ts'
import { RowDamagedError, rowSum } from './row-sum.ts'
import { toTexts } from './texts.ts'

/** Numbers a page read looks at, wanted or not, so that one call stays short. */
const EXAMINED_MAX = 10_000
/** Taken for the length of a body until rows were seen. */
const BODY_BYTES_GUESS = 2_048

export interface RecordRow {
  readonly seq: number
  readonly kind: number
  readonly boot: number
  readonly mono: number
  readonly target: number
  readonly expires: number
  readonly source: string
  readonly body: string
  /** Checksum; null: none was stored. */
  readonly sum?: number | null
  /** See replyText. */
  readonly reply: string | null
}

/** The next rows that an uplink wants. */
export function preparePage(database: Database) {
  const select = database.prepare(
    `SELECT seq, kind, boot, mono, target, expires, source, body, sum, reply FROM record
     WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?`,
  )
  const rowBehind = prepareRowBehind(database)
  const wantsOf = prepareWants(database)
  let bodyBytes = BODY_BYTES_GUESS
  return ({ from, through, uplink, recordsMax, bytesMax }: PageArgs): Page => {
    const limit = Math.max(1, Math.min(recordsMax, Math.floor(bytesMax / bodyBytes)))
    const end = Math.min(through, from + EXAMINED_MAX - 1)
    const rows = select.all(from, end, limit) as RecordRow[]
    for (const row of rows) assertWhole(row)
    const last = rows.at(-1)?.seq
    const wants = wantsOf(uplink)
    const page = toColumns(rows.filter(({ target }) => wants(target)))
    if (page.lengths.length > 0) bodyBytes = Math.max(1, page.text.length / page.lengths.length)
    if (rows.length === limit) return { ...page, examined: last ?? end }
    // Beyond the numbers that were looked at there may be a long gap: the reader goes on where the next row is.
    const nextRow = rowBehind(last ?? from - 1, end) ?? through + 1
    return { ...page, examined: Math.min(through, nextRow - 1) }
  }
}

/**
 * The row that follows `seq`, which must lie above `end`. A destroyed page may still look like one, with a number out of
 * order that hides all rows behind it from every search: throws RowDamagedError then, because they would pass for settled.
 */
function prepareRowBehind(database: Database) {
  const next = database.prepare('SELECT seq FROM record WHERE seq > ? ORDER BY seq LIMIT 1').pluck()
  const newest = database.prepare('SELECT seq FROM record ORDER BY seq DESC LIMIT 1').pluck()
  return (seq: number, end: number): number | undefined => {
    const row = next.get(seq) as number | undefined
    if (row === undefined) return undefined
    if (row <= end || row > (newest.get() as number)) throw new RowDamagedError(row)
    return row
  }
}

/** Throws RowDamagedError for a row that is not what was stored. */
export function assertWhole(row: RecordRow): void {
  if (typeof row.sum === 'number' && rowSum(row, row.body) !== row.sum) throw new RowDamagedError(row.seq)
}

/** Rows as columns for the way to the main thread. One loop: `TypedArray.from` takes ten times as long for each column. */
export function toColumns(rows: readonly RecordRow[]): RecordColumns {
  const { length } = rows
  const seqs = new Float64Array(length)
  const kinds = new Uint8Array(length)
  const boots = new Float64Array(length)
  const monos = new Float64Array(length)
  const targets = new Float64Array(length)
  const expires = new Float64Array(length)
  for (let index = 0; index < length; index += 1) {
    const row = rows[index]
    if (!row) continue
    seqs[index] = row.seq
    kinds[index] = row.kind
    boots[index] = row.boot
    monos[index] = row.mono
    targets[index] = row.target
    expires[index] = row.expires
  }
  return { ...repliesIn(rows), seqs, kinds, boots, monos, targets, expires, ...toTexts(rows) }
}

/** The oldest rows, without their bodies. */
export function prepareOldest(database: Database) {
  const sql = (where: string) =>
    database
      .prepare(
        `SELECT seq, boot, mono, target, length(body) + length(source) AS bytes FROM record
         WHERE seq > ? ${where} ORDER BY seq LIMIT ?`,
      )
      .raw()
  const data = sql('AND kind = 0')
  const all = sql('')
  return ({ after, recordsMax, kinds }: OldestArgs): OldestRows => {
    const rows = (kinds === 'data' ? data : all).all(after, recordsMax) as [number, number, number, number, number][]
    return {
      seqs: Float64Array.from(rows, (row) => row[0]),
      boots: Float64Array.from(rows, (row) => row[1]),
      monos: Float64Array.from(rows, (row) => row[2]),
      targets: Float64Array.from(rows, (row) => row[3]),
      bytes: rows.reduce((sum, row) => sum + row[4], 0),
    }
  }
}

/** A binary search by seq: some dozens of rows are looked at, however many there are. */
export function prepareSeek(database: Database) {
  const bounds = database.prepare('SELECT (SELECT min(seq) FROM record) AS low, (SELECT max(seq) FROM record) AS high')
  const at = database.prepare('SELECT seq, boot, mono FROM record WHERE seq >= ? ORDER BY seq LIMIT 1')
  return ({ ts, offsets }: SeekArgs): number => {
    const offsetOf = new Map(offsets)
    const found = bounds.get() as { low: number | null; high: number | null }
    let low = found.low ?? 1
    let high = (found.high ?? 0) + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = at.get(middle) as { seq: number; boot: number; mono: number } | undefined
      const offset = row && offsetOf.get(row.boot)
      if (row && offset !== undefined && row.mono + offset >= ts) high = middle
      else low = (row?.seq ?? middle) + 1
    }
    return (at.get(low) as { seq: number } | undefined)?.seq ?? 0
  }
}
