/** The outbox in SQLite, storage thread only: looking at it. Nothing here changes anything. */
import type { Database } from 'better-sqlite3'
import type { OperationTable } from '../storage/operation.ts'
import { prepareWants } from './audience-sql.ts'
import type { BeforeArgs, InspectArgs, RejectedArgs, RejectedView, Tally, TallyArgs } from './inspect.ts'
import type { Page } from './operations.ts'
import { type RecordRow, toColumns } from './page-sql.ts'

/** Numbers that are looked at for rows of one kind, so that one call stays short. */
const LOOKED_AT_MAX = 10_000
/** Rows counted in one call: about 1 MB of the database, 50 ms on a slow card. */
const TALLY_ROWS_MAX = 4_000
/** Taken for the length of a body until rows were seen. */
const BODY_BYTES_GUESS = 2_048

export const inspectOperations: OperationTable = {
  'outbox.inspect': prepareInspect,
  'outbox.tally': prepareTally,
  'outbox.before': prepareBefore,
  'outbox.rejected': prepareRejected,
}

function prepareInspect(database: Database) {
  const columns = 'seq, kind, boot, mono, target, expires, source, body, reply'
  const all = database.prepare(`SELECT ${columns} FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?`)
  const some = database.prepare(
    `SELECT ${columns} FROM record WHERE seq BETWEEN ? AND ? AND kind = ? ORDER BY seq LIMIT ?`,
  )
  const nextRow = prepareNext(database)
  let bodyBytes = BODY_BYTES_GUESS
  return ({ from, through, kind, recordsMax, bytesMax }: InspectArgs): Page => {
    const start = nextRow(from, through)
    const limit = Math.max(1, Math.min(recordsMax, Math.floor(bytesMax / bodyBytes)))
    const end = Math.min(through, start + LOOKED_AT_MAX - 1)
    const rows = (kind === undefined ? all.all(start, end, limit) : some.all(start, end, kind, limit)) as RecordRow[]
    const page = toColumns(rows)
    if (rows.length > 0) bodyBytes = Math.max(1, page.text.length / rows.length)
    return { ...page, examined: rows.length === limit ? (rows.at(-1)?.seq ?? end) : Math.max(end, start - 1) }
  }
}

/** Where the next row is, `through` + 1 when there is none: between rows there may be long gaps. */
function prepareNext(database: Database) {
  const next = database.prepare('SELECT seq FROM record WHERE seq >= ? ORDER BY seq LIMIT 1').pluck()
  return (from: number, through: number): number =>
    Math.min((next.get(from) as number | undefined) ?? through + 1, through + 1)
}

function prepareTally(database: Database) {
  const rowsBetween = database
    .prepare('SELECT seq, target FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?')
    .raw()
  return ({ from, through }: TallyArgs): Tally => {
    const rows = rowsBetween.all(from, through, TALLY_ROWS_MAX) as [number, number][]
    return {
      seqs: Float64Array.from(rows, (row) => row[0]),
      targets: Float64Array.from(rows, (row) => row[1]),
      examined: rows.length === TALLY_ROWS_MAX ? (rows.at(-1)?.[0] ?? through) : through,
    }
  }
}

function prepareBefore(database: Database) {
  const before = database.prepare('SELECT seq, target FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq DESC').raw()
  const wantsOf = prepareWants(database)
  return ({ seq, uplink }: BeforeArgs): number => {
    const wants = wantsOf(uplink)
    const rows = before.iterate(seq - LOOKED_AT_MAX, seq - 1) as Iterable<[number, number]>
    for (const [found, target] of rows) if (wants(target)) return found
    return 0
  }
}

function prepareRejected(database: Database) {
  const select = database.prepare(
    `SELECT seq, reason, retry, kind, boot, mono, source, body FROM rejected
     WHERE uplink = ? AND seq > ? ORDER BY seq LIMIT ?`,
  )
  return ({ uplink, after, recordsMax }: RejectedArgs): RejectedView[] =>
    select.all(uplink, after, recordsMax) as RejectedView[]
}
