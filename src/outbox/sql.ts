/**
 * The outbox in SQLite. Runs in the storage thread only. Handlers are idempotent: a job may be run again after a failed
 * sync or the death of the thread.
 *
 * Flash: a commit while the link is down touches the last page of `record` and nothing else, because the highest number
 * is derived from rows and cursors instead of being counted in a row of its own.
 */
import type { Database } from 'better-sqlite3'
import type { OperationTable } from '../storage/operation.ts'
import type { CommitArgs, Loaded, OldestArgs, OldestRows, Page, PageArgs, RecordColumns } from './operations.ts'
import { toTexts } from './texts.ts'

/** Version 1. WARNING: gateways in the field carry this shape; change it by a new migration only. */
export const outboxSchema: readonly string[] = [
  `CREATE TABLE epoch (
     start INTEGER PRIMARY KEY, tag TEXT NOT NULL, gateway TEXT NOT NULL, first_seq INTEGER NOT NULL,
     clean INTEGER NOT NULL, through INTEGER NOT NULL
   ) STRICT`,
  `CREATE TABLE boot (boot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, offset_ms REAL NOT NULL, known INTEGER NOT NULL)
   STRICT`,
  `CREATE TABLE record (
     seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, boot INTEGER NOT NULL, mono INTEGER NOT NULL,
     target INTEGER NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL
   ) STRICT`,
  `CREATE TABLE uplink (
     uplink INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, ranges TEXT NOT NULL, skipped TEXT NOT NULL,
     wanted_through INTEGER
   ) STRICT`,
  `CREATE TABLE account (
     uplink INTEGER NOT NULL, epoch INTEGER NOT NULL, delivered INTEGER NOT NULL, dropped INTEGER NOT NULL,
     rejected INTEGER NOT NULL, not_wanted INTEGER NOT NULL, skipped INTEGER NOT NULL, PRIMARY KEY (uplink, epoch)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE loss (
     uplink INTEGER NOT NULL, reason TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
     first_boot INTEGER NOT NULL, first_mono INTEGER NOT NULL, last_boot INTEGER NOT NULL, last_mono INTEGER NOT NULL,
     PRIMARY KEY (uplink, reason)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE rejected (
     uplink INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, kind INTEGER NOT NULL, source TEXT NOT NULL,
     body TEXT NOT NULL, PRIMARY KEY (uplink, seq)
   ) STRICT, WITHOUT ROWID`,
]

/** Oldest rejected records are forgotten beyond this many per uplink; the account keeps counting them. */
const REJECTED_MAX = 10_000
/** Numbers a page read looks at, wanted or not, so that one call stays short. */
const EXAMINED_MAX = 10_000
/** Taken for the length of a body until rows were seen. */
const BODY_BYTES_GUESS = 2_048

export const outboxOperations: OperationTable = {
  'outbox.commit': prepareCommit,
  'outbox.load': prepareLoad,
  'outbox.page': preparePage,
  'outbox.oldest': prepareOldest,
}

function prepareCommit(database: Database) {
  const insertRows = prepareInsertRows(database)
  const saveBooks = prepareSaveBooks(database)
  const saveMeta = prepareSaveMeta(database)
  const remove = database.prepare('DELETE FROM record WHERE seq BETWEEN ? AND ?')
  return (args: CommitArgs): void => {
    insertRows(args)
    saveMeta(args)
    saveBooks(args)
    for (const [from, through] of args.remove ?? []) remove.run(from, through)
  }
}

function prepareInsertRows(database: Database) {
  const insert = database.prepare(
    'INSERT INTO record (seq, kind, boot, mono, target, source, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING',
  )
  return ({ rows }: CommitArgs): void => {
    if (!rows) return
    const { seqs, kinds, boots, monos, targets, sources, sourceOf, text, lengths } = rows
    let at = 0
    for (let i = 0; i < seqs.length; i += 1) {
      const end = at + (lengths[i] ?? 0)
      insert.run(seqs[i], kinds[i], boots[i], monos[i], targets[i], sources[sourceOf[i] ?? 0], text.slice(at, end))
      at = end
    }
  }
}

function prepareSaveBooks(database: Database) {
  const cursor = database.prepare('UPDATE uplink SET ranges = ?, skipped = ? WHERE uplink = ?')
  const account = database.prepare('INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?)')
  const loss = database.prepare('INSERT OR REPLACE INTO loss VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const closeLoss = database.prepare('DELETE FROM loss WHERE uplink = ? AND reason = ?')
  const reject = database.prepare('INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?, ?, ?)')
  const trim = database.prepare(
    `DELETE FROM rejected WHERE uplink = ? AND seq <=
       (SELECT seq FROM rejected WHERE uplink = ? ORDER BY seq DESC LIMIT 1 OFFSET ${REJECTED_MAX})`,
  )
  return (args: CommitArgs): void => {
    for (const { uplink, ranges, skipped } of args.cursors ?? []) {
      cursor.run(JSON.stringify(ranges), JSON.stringify(skipped), uplink)
    }
    for (const { uplink, epoch, counts } of args.accounts ?? []) {
      account.run(uplink, epoch, counts.delivered, counts.dropped, counts.rejected, counts.notWanted, counts.skipped)
    }
    // Before the open ones: an episode may have ended and the next one begun since the last commit.
    for (const [uplink, reason] of args.closedLosses ?? []) closeLoss.run(uplink, reason)
    for (const l of args.losses ?? []) {
      loss.run(l.uplink, l.reason, l.first, l.last, l.count, l.firstBoot, l.firstMono, l.lastBoot, l.lastMono)
    }
    for (const r of args.rejected ?? []) {
      reject.run(r.uplink, r.seq, r.reason, r.kind, r.source, r.body)
    }
    // Once per uplink, not per record: each trim walks over all that are kept.
    for (const uplink of new Set(args.rejected?.map((row) => row.uplink))) trim.run(uplink, uplink)
  }
}

function prepareSaveMeta(database: Database) {
  const epoch = database.prepare('INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?)')
  const boot = database.prepare('INSERT OR REPLACE INTO boot VALUES (?, ?, ?, ?)')
  const uplink = database.prepare("INSERT OR IGNORE INTO uplink VALUES (?, ?, '[]', '[]', NULL)")
  const absent = database.prepare('UPDATE uplink SET wanted_through = ? WHERE uplink = ?')
  const forgetEpochs = database.prepare('DELETE FROM epoch WHERE start < ?')
  const forgetAccounts = database.prepare('DELETE FROM account WHERE epoch < ?')
  const forgetBoots = database.prepare('DELETE FROM boot WHERE boot < ?')
  return (args: CommitArgs): void => {
    if (args.epoch) {
      const { start, tag, gateway, firstSeq, clean, through } = args.epoch
      epoch.run(start, tag, gateway, firstSeq, clean ? 1 : 0, through)
    }
    if (args.boot) boot.run(args.boot.boot, args.boot.id, args.boot.offsetMs, args.boot.known ? 1 : 0)
    for (const added of args.newUplinks ?? []) uplink.run(added.uplink, added.name)
    for (const { uplink: number, wantedThrough } of args.absent ?? []) absent.run(wantedThrough, number)
    if (!args.forget) return
    forgetEpochs.run(args.forget.epochsBelow)
    forgetAccounts.run(args.forget.epochsBelow)
    forgetBoots.run(args.forget.bootsBelow)
  }
}

interface EpochRow {
  start: number
  tag: string
  gateway: string
  first_seq: number
  clean: number
  through: number
}

interface UplinkRow {
  uplink: number
  name: string
  ranges: string
  skipped: string
  wanted_through: number | null
}

function prepareLoad(database: Database) {
  const all = <Row>(sql: string): Row[] => database.prepare(sql).all() as Row[]
  return (): Loaded => ({
    epochs: all<EpochRow>('SELECT * FROM epoch ORDER BY start').map((row) => ({
      start: row.start,
      tag: row.tag,
      gateway: row.gateway,
      firstSeq: row.first_seq,
      clean: row.clean === 1,
      through: row.through,
    })),
    boots: all<{ boot: number; id: string; offset_ms: number; known: number }>('SELECT * FROM boot ORDER BY boot').map(
      (row) => ({ boot: row.boot, id: row.id, offsetMs: row.offset_ms, known: row.known === 1 }),
    ),
    uplinks: all<UplinkRow>('SELECT * FROM uplink ORDER BY uplink').map((row) => ({
      uplink: row.uplink,
      name: row.name,
      ranges: JSON.parse(row.ranges) as [number, number][],
      skipped: JSON.parse(row.skipped) as [number, number][],
      wantedThrough: row.wanted_through,
    })),
    accounts: all<Record<string, number>>('SELECT * FROM account').map((row) => ({
      uplink: row['uplink'] ?? 0,
      epoch: row['epoch'] ?? 0,
      counts: {
        delivered: row['delivered'] ?? 0,
        dropped: row['dropped'] ?? 0,
        rejected: row['rejected'] ?? 0,
        notWanted: row['not_wanted'] ?? 0,
        skipped: row['skipped'] ?? 0,
      },
    })),
    losses: all<Loaded['losses'][number]>(
      `SELECT uplink, reason, first, last, count, first_boot AS firstBoot, first_mono AS firstMono,
              last_boot AS lastBoot, last_mono AS lastMono FROM loss`,
    ),
    firstRejected: all<{ seq: number | null }>('SELECT min(seq) AS seq FROM rejected')[0]?.seq ?? 0,
    ...first(all<{ seq: number; boot: number }>('SELECT seq, boot FROM record ORDER BY seq LIMIT 1')[0]),
    lastRow: all<{ seq: number }>('SELECT seq FROM record ORDER BY seq DESC LIMIT 1')[0]?.seq ?? 0,
  })
}

function first(row: { seq: number; boot: number } | undefined): Pick<Loaded, 'firstRow' | 'firstBoot'> {
  return { firstRow: row?.seq ?? 0, firstBoot: row?.boot ?? 0 }
}

interface RecordRow {
  readonly seq: number
  readonly kind: number
  readonly boot: number
  readonly mono: number
  readonly target: number
  readonly source: string
  readonly body: string
}

function preparePage(database: Database) {
  const select = database.prepare(
    `SELECT seq, kind, boot, mono, target, source, body FROM record
     WHERE seq BETWEEN ? AND ? AND (target = 0 OR target = ?) ORDER BY seq LIMIT ?`,
  )
  const next = database.prepare('SELECT seq FROM record WHERE seq > ? ORDER BY seq LIMIT 1').pluck()
  let bodyBytes = BODY_BYTES_GUESS
  return ({ from, through, uplink, recordsMax, bytesMax }: PageArgs): Page => {
    const limit = Math.max(1, Math.min(recordsMax, Math.floor(bytesMax / bodyBytes)))
    const end = Math.min(through, from + EXAMINED_MAX - 1)
    const rows = select.all(from, end, uplink, limit) as RecordRow[]
    const page = columns(rows)
    if (rows.length > 0) bodyBytes = Math.max(1, page.text.length / rows.length)
    if (rows.length === limit) return { ...page, examined: rows.at(-1)?.seq ?? end }
    // Beyond the numbers that were looked at there may be a long gap: the reader goes on where the next row is.
    const nextRow = end < through ? ((next.get(end) as number | undefined) ?? through + 1) : end + 1
    return { ...page, examined: Math.min(through, nextRow - 1) }
  }
}

function columns(rows: readonly RecordRow[]): RecordColumns {
  return {
    seqs: Float64Array.from(rows, (row) => row.seq),
    kinds: Uint8Array.from(rows, (row) => row.kind),
    boots: Float64Array.from(rows, (row) => row.boot),
    monos: Float64Array.from(rows, (row) => row.mono),
    targets: Float64Array.from(rows, (row) => row.target),
    ...toTexts(rows),
  }
}

function prepareOldest(database: Database) {
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
