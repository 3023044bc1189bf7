/**
 * The inbox in SQLite. Runs in the storage thread only.
 *
 * Nothing is confirmed to anyone before it is durable here, and a command that was confirmed stays here until its outcome
 * is durable too. Handlers are idempotent: a job may be run again after a failed sync or the death of the thread.
 */
import type { Database } from 'better-sqlite3'
import type { OperationTable } from '../storage/operation.ts'
import { LOOK_MAX } from './history.ts'
import type { CommandRow, FindArgs, Loaded, MarkArgs, PruneArgs, PruneWalk, SettleArgs } from './operations.ts'

/** Version 1. WARNING: gateways in the field carry this shape; change it by a new migration only. */
export const inboxSchema: readonly string[] = [
  `CREATE TABLE command (
     key TEXT NOT NULL, id TEXT NOT NULL, arrival INTEGER NOT NULL, uplink TEXT NOT NULL,
     reply_topic TEXT, reply_data TEXT, state TEXT NOT NULL, value TEXT, version INTEGER,
     boot TEXT NOT NULL, mono REAL NOT NULL, wall REAL, expires_mono REAL, expires_wall REAL, hold_ms REAL NOT NULL,
     redelivery TEXT, attempts INTEGER NOT NULL, crashes INTEGER NOT NULL, doubt INTEGER NOT NULL,
     reason TEXT, superseded_by TEXT, read_back TEXT, finished_boot TEXT, finished_mono REAL, finished_wall REAL,
     PRIMARY KEY (key, id)
   ) STRICT`,
  'CREATE UNIQUE INDEX command_arrival ON command (arrival)',
  `CREATE INDEX command_live ON command (arrival) WHERE state IN ('waiting', 'applying')`,
  'CREATE INDEX command_redelivery ON command (redelivery) WHERE redelivery IS NOT NULL',
  `CREATE TABLE command_key (key TEXT PRIMARY KEY, version INTEGER NOT NULL, id TEXT NOT NULL) STRICT, WITHOUT ROWID`,
]

export const inboxOperations: OperationTable = {
  'inbox.settle': prepareSettle,
  'inbox.load': prepareLoad,
  'inbox.find': prepareFind,
  'inbox.prune': preparePrune,
  'inbox.mark': prepareMark,
}

const columns = [
  'key',
  'id',
  'arrival',
  'uplink',
  'reply_topic',
  'reply_data',
  'state',
  'value',
  'version',
  'boot',
  'mono',
  'wall',
  'expires_mono',
  'expires_wall',
  'hold_ms',
  'redelivery',
  'attempts',
  'crashes',
  'doubt',
  'reason',
  'superseded_by',
  'read_back',
  'finished_boot',
  'finished_mono',
  'finished_wall',
] as const satisfies readonly (keyof CommandRow)[]

/** What a step may change, or a repeat; the rest of a row is what arrived. */
const changing = [
  'reply_topic',
  'reply_data',
  'state',
  'attempts',
  'crashes',
  'doubt',
  'reason',
  'superseded_by',
  'read_back',
] as const
const finished = ['finished_boot', 'finished_mono', 'finished_wall'] as const

function prepareSettle(database: Database) {
  const put = database.prepare(
    `INSERT INTO command (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')})
     ON CONFLICT (key, id) DO UPDATE SET
       ${[...changing, ...finished].map((name) => `${name} = excluded.${name}`).join(', ')}`,
  )
  const raise = database.prepare(
    `INSERT INTO command_key (key, version, id) VALUES (@key, @version, @id)
     ON CONFLICT (key) DO UPDATE SET version = excluded.version, id = excluded.id WHERE excluded.version > version`,
  )
  return (args: SettleArgs): void => {
    for (const row of args.rows) put.run(row)
    if (args.highest) raise.run(args.highest)
  }
}

function prepareLoad(database: Database) {
  const live = database.prepare(
    `SELECT ${columns.join(', ')} FROM command WHERE state IN ('waiting', 'applying') ORDER BY arrival`,
  )
  const highest = database.prepare('SELECT key, version, id FROM command_key')
  const last = database.prepare('SELECT coalesce(max(arrival), 0) FROM command').pluck()
  return (): Loaded => ({
    live: live.all() as CommandRow[],
    highest: highest.all() as Loaded['highest'],
    lastArrival: last.get() as number,
  })
}

function prepareFind(database: Database) {
  const byId = database.prepare(`SELECT ${columns.join(', ')} FROM command WHERE key = ? AND id = ?`)
  // The newest message with this packet id, whatever its content: an older one with equal content is another message.
  const byPacket = database.prepare(
    `SELECT ${columns.join(', ')} FROM command WHERE redelivery >= ? AND redelivery < ? ORDER BY arrival DESC LIMIT 1`,
  )
  const byRedelivery = (key: string, redelivery: string): CommandRow | undefined => {
    const packet = redelivery.includes('|') ? redelivery.slice(0, redelivery.lastIndexOf('|') + 1) : redelivery
    const newest = byPacket.get(packet, `${packet}~`) as CommandRow | undefined
    return newest?.key === key && newest.redelivery === redelivery ? newest : undefined
  }
  return ({ key, ids, redeliveries }: FindArgs): CommandRow[] => {
    const found = [...ids.map((id) => byId.get(key, id)), ...redeliveries.map((one) => byRedelivery(key, one))]
    return found.filter((row) => row !== undefined) as CommandRow[]
  }
}

function prepareMark(database: Database) {
  const mark = database.prepare("UPDATE command SET reason = ? WHERE state IN ('waiting', 'applying')")
  return ({ reason }: MarkArgs): number => mark.run(reason).changes
}

/**
 * Age counts within a boot by the monotonic clock, across boots by the wall clock when both ends are known, else by the
 * powered time of this boot alone: retention errs to keeping.
 */
const tooOld = `CASE
  WHEN finished_boot = @boot THEN finished_mono <= @mono - @keepMs
  WHEN finished_wall IS NOT NULL AND @wall IS NOT NULL THEN finished_wall <= @wall - @keepMs
  ELSE @mono >= @keepMs END`

interface Ended {
  readonly rowid: number
  readonly arrival: number
  readonly key: string
  /** 1: nothing was written for it. */
  readonly idle: 0 | 1
  readonly old: 0 | 1 | null
}

/** One call looks at no more than LOOK_MAX rows and removes no more than `slice`, so that it stays short. */
function preparePrune(database: Database) {
  const ended = database.prepare(
    `SELECT rowid, arrival, key, doubt = 0 AND state IN ('refused', 'superseded', 'expired') AS idle, ${tooOld} AS old
     FROM command WHERE arrival < @before AND finished_boot IS NOT NULL ORDER BY arrival DESC LIMIT ${LOOK_MAX}`,
  )
  const remove = database.prepare('DELETE FROM command WHERE rowid = ?')
  return (args: PruneArgs): PruneWalk | null => {
    const { boot, mono, wall, keepMs, before } = args
    const rows = ended.all({ boot, mono, wall, keepMs, before }) as Ended[]
    const done = new Map(Object.entries(args.done))
    let { idle } = args
    let removed = 0
    for (const row of rows) {
      const rank = row.idle ? idle + 1 : (done.get(row.key) ?? 0) + 1
      if (row.idle) idle = rank
      else done.set(row.key, rank)
      if (row.old !== 1 && rank <= (row.idle ? args.keepRows : args.keepDone)) continue
      remove.run(row.rowid)
      removed += 1
      if (removed === args.slice) return { before: row.arrival, idle, done: Object.fromEntries(done) }
    }
    const last = rows.length < LOOK_MAX ? undefined : rows.at(-1)
    return last ? { before: last.arrival, idle, done: Object.fromEntries(done) } : null
  }
}
