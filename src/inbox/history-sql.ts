/** Questions about commands, for people. Runs in the storage thread only. */
import type { Database } from 'better-sqlite3'
import type { OperationTable } from '../storage/operation.ts'
import { LOOK_MAX, type PageArgs, type PageRows, type Tally } from './history.ts'
import type { CommandRow } from './operations.ts'

export const historyOperations: OperationTable = {
  'inbox.page': preparePage,
  'inbox.live': prepareLive,
  'inbox.byId': prepareById,
  'inbox.tally': prepareTally,
  'inbox.highest': prepareHighest,
  'inbox.reset': prepareReset,
}

/** Where one read ends: the arrival of the last row it looks at, if it looks at so many. */
function prepareEnd(database: Database) {
  const end = database
    .prepare('SELECT arrival FROM command WHERE arrival < ? ORDER BY arrival DESC LIMIT 1 OFFSET ?')
    .pluck()
  return (before: number): number | null => (end.get(before, LOOK_MAX - 1) as number | undefined) ?? null
}

function preparePage(database: Database) {
  const endOf = prepareEnd(database)
  const page = database.prepare(
    `SELECT * FROM command
     WHERE arrival < @before AND arrival >= @from
       AND (@key IS NULL OR key = @key)
       AND (@states IS NULL OR state IN (SELECT value FROM json_each(@states)))
       AND CASE WHEN boot = @boot AND @sinceMono IS NOT NULL THEN mono >= @sinceMono
                WHEN wall IS NOT NULL AND @sinceWall IS NOT NULL THEN wall >= @sinceWall
                ELSE 1 END
     ORDER BY arrival DESC LIMIT @limit`,
  )
  return (args: PageArgs): PageRows => {
    const end = endOf(args.before)
    const rows = page.all({ ...args, from: end ?? 0 }) as CommandRow[]
    return { rows, examined: rows.length < args.limit ? end : (rows.at(-1)?.arrival ?? null) }
  }
}

function prepareLive(database: Database) {
  const live = database.prepare(
    `SELECT * FROM command WHERE state IN ('waiting', 'applying') ORDER BY arrival LIMIT @limit`,
  )
  return (args: { readonly limit: number }): CommandRow[] => live.all(args) as CommandRow[]
}

/** Each key is found by the primary key, and in it the id: no search through the table. */
function prepareById(database: Database) {
  const find = database.prepare(
    `WITH RECURSIVE known(key) AS (
       SELECT min(key) FROM command
       UNION ALL SELECT (SELECT min(key) FROM command WHERE key > known.key) FROM known WHERE known.key IS NOT NULL)
     SELECT command.* FROM known JOIN command ON command.key = known.key AND command.id = @id
     WHERE @key IS NULL OR command.key = @key
     ORDER BY arrival`,
  )
  return (args: { readonly id: string; readonly key: string | null }): CommandRow[] => find.all(args) as CommandRow[]
}

function prepareTally(database: Database) {
  const endOf = prepareEnd(database)
  const count = database.prepare(
    `SELECT key, state, count(*) AS commands FROM command
     WHERE arrival < @before AND arrival >= @from GROUP BY key, state`,
  )
  return ({ before }: { readonly before: number }): Tally => {
    const next = endOf(before)
    return { counts: count.all({ before, from: next ?? 0 }) as Tally['counts'], next }
  }
}

function prepareHighest(database: Database) {
  const highest = database.prepare('SELECT key, version, id FROM command_key ORDER BY key')
  return (): unknown[] => highest.all()
}

function prepareReset(database: Database) {
  const forget = database.prepare('DELETE FROM command_key WHERE key = @key')
  return (args: { readonly key: string }): number => forget.run(args).changes
}
