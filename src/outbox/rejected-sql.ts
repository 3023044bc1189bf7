/** The outbox in SQLite, storage thread only: the rejected records. */
import type { Database } from 'better-sqlite3'
import type { RecordColumns, RejectedChoice, RetriesArgs } from './operations.ts'
import { type RecordRow, toColumns } from './page-sql.ts'

/** Rejected records that are to be tried once more, in order. */
export function prepareRetries(database: Database) {
  const select = database.prepare(
    `SELECT seq, kind, boot, mono, 0 AS target, 0 AS expires, source, body, reply FROM rejected
     WHERE uplink = ? AND retry = 1 AND seq > ? ORDER BY seq LIMIT ?`,
  )
  return ({ uplink, after, recordsMax }: RetriesArgs): RecordColumns =>
    toColumns(select.all(uplink, after, recordsMax) as RecordRow[])
}

export function prepareRetry(database: Database) {
  return prepareChosen(database, 'UPDATE rejected SET retry = 1 WHERE uplink = ?')
}

export function prepareDiscard(database: Database) {
  return prepareChosen(database, 'DELETE FROM rejected WHERE uplink = ?')
}

function prepareChosen(database: Database, sql: string) {
  const one = database.prepare(`${sql} AND seq = ?`)
  const all = database.prepare(sql)
  return ({ uplink, seqs }: RejectedChoice): number => {
    if (seqs === 'all') return all.run(uplink).changes
    return seqs.reduce((changed, seq) => changed + one.run(uplink, seq).changes, 0)
  }
}
