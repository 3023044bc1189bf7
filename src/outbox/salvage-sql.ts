/** The outbox in SQLite, storage thread only: a new database in the place of a damaged one. */
import type { Database } from 'better-sqlite3'
import type { OperationTable } from '../storage/operation.ts'
import { prepareCommit } from './commit-sql.ts'
import { assertWhole, type RecordRow } from './page-sql.ts'
import { RowDamagedError } from './row-sum.ts'
import type { RestoreArgs, WalkArgs } from './salvage-operations.ts'

export const salvageOutboxOperations: OperationTable = {
  'outbox.restore': prepareRestore,
  'outbox.last_row': prepareLastRow,
  'outbox.walk': prepareWalk,
}

/** What memory knows is complete and newer than anything that was read of the damaged file. */
function prepareRestore(database: Database) {
  const clear = ['epoch', 'boot', 'uplink', 'account', 'loss', 'audience'].map((table) =>
    database.prepare(`DELETE FROM ${table}`),
  )
  const epoch = database.prepare('INSERT INTO epoch VALUES (?, ?, ?, ?, 0, ?)')
  const boot = database.prepare('INSERT INTO boot VALUES (?, ?, ?, ?)')
  const note = database.prepare(
    `UPDATE salvage SET note = json_set(note, '$.through', min(@head, json_extract(note, '$.through')),
       '$.known', min(@head, json_extract(note, '$.through')))`,
  )
  // Of the damaged file that was in use just now memory knows every position; of one set aside before, what was read then.
  const positions = database.prepare(
    `UPDATE salvage SET note = json_set(note, '$.positionsKnown', json('true'), '$.uplinks', json(?))
     WHERE file = (SELECT max(file) FROM salvage)`,
  )
  const commit = prepareCommit(database)
  return (args: RestoreArgs): void => {
    for (const statement of clear) statement.run()
    for (const { start, tag, gateway, firstSeq, through } of args.epochs) {
      epoch.run(start, tag, gateway, firstSeq, through)
    }
    for (const { boot: number, id, offsetMs, known } of args.boots) boot.run(number, id, offsetMs, known ? 1 : 0)
    commit(args.commit)
    note.run({ head: args.head })
    positions.run(JSON.stringify((args.commit.newUplinks ?? []).map(({ uplink }) => uplink)))
  }
}

/** Looked at between two looks at the clock. */
const WALK_ROWS = 50

function prepareWalk(database: Database) {
  const rows = database.prepare('SELECT * FROM record WHERE seq > ? ORDER BY seq LIMIT ?')
  const newest = database.prepare('SELECT seq FROM record ORDER BY seq DESC LIMIT 1').pluck()
  return ({ after, sliceMs }: WalkArgs): number | undefined => {
    const until = performance.now() + sliceMs
    let last = after
    do {
      const found = rows.all(last, WALK_ROWS) as RecordRow[]
      if (found.length === 0) return undefined
      const through = newest.get() as number
      for (const row of found) {
        assertWhole(row)
        // A destroyed page may still look like one, with a number that hides all rows behind it from every search.
        if (row.seq <= last || row.seq > through) throw new RowDamagedError(row.seq)
        last = row.seq
      }
    } while (performance.now() < until)
    return last
  }
}

function prepareLastRow(database: Database) {
  const last = database.prepare('SELECT seq FROM record WHERE seq <= ? ORDER BY seq DESC LIMIT 1').pluck()
  return ({ through }: { readonly through: number }): number => (last.get(through) as number | undefined) ?? 0
}
