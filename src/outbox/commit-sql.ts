/** The outbox in SQLite, storage thread only: storing a snapshot. */
import type { Database } from 'better-sqlite3'
import { prepareSaveAudiences } from './audience-sql.ts'
import type { CommitArgs, NextRows } from './operations.ts'
import { repliesOf } from './reply.ts'
import { rowSum } from './row-sum.ts'

/** Oldest rejected records are forgotten beyond this many per uplink; the account keeps counting them. */
const REJECTED_MAX = 10_000
/** Rows removed by one call, so that it stays short whatever was asked for. */
const REMOVE_SLICE = 2_000

/** One snapshot (see CommitArgs). */
export function prepareCommit(database: Database) {
  const insertRows = prepareInsertRows(database)
  const saveBooks = prepareSaveBooks(database)
  const saveAudiences = prepareSaveAudiences(database)
  const saveMeta = prepareSaveMeta(database)
  const remove = database.prepare('DELETE FROM record WHERE seq BETWEEN ? AND ?')
  const nextRow = database.prepare('SELECT seq FROM record WHERE seq > ? ORDER BY seq LIMIT 1').pluck()
  const salvages = database.prepare('SELECT 1 FROM salvage LIMIT 1').pluck()
  return (args: CommitArgs): NextRows => {
    saveAudiences(args)
    insertRows(args)
    saveMeta(args)
    saveBooks(args)
    for (const [from, through] of args.remove ?? []) {
      for (let at = from; at <= through; at += REMOVE_SLICE) remove.run(at, Math.min(through, at + REMOVE_SLICE - 1))
    }
    if (!args.remove?.length || salvages.get() !== undefined) return []
    return args.remove.map(([, through]) => (nextRow.get(through) as number | undefined) ?? 0)
  }
}

function prepareInsertRows(database: Database) {
  const columns = 'seq, kind, boot, mono, target, expires, source, body, sum'
  const insert = database.prepare(
    `INSERT INTO record (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING`,
  )
  const insertWithReply = database.prepare(
    `INSERT INTO record (${columns}, reply) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO NOTHING`,
  )
  return ({ rows }: CommitArgs): void => {
    if (!rows) return
    const { seqs, kinds, boots, monos, targets, expires, sources, sourceOf, lengths } = rows
    const replyOf = repliesOf(rows)
    // What is no Unicode would not come back as it is, and not have its checksum.
    const text = rows.text.isWellFormed() ? rows.text : rows.text.toWellFormed()
    let at = 0
    for (let i = 0; i < seqs.length; i += 1) {
      const end = at + (lengths[i] ?? 0)
      const row = {
        seq: seqs[i] ?? 0,
        kind: kinds[i] ?? 0,
        boot: boots[i] ?? 0,
        mono: monos[i] ?? 0,
        target: targets[i] ?? 0,
        expires: expires[i] ?? 0,
        source: sources[sourceOf[i] ?? 0] ?? '',
        reply: replyOf(i),
      }
      const { seq, kind, boot, mono, target, source, reply } = row
      const sum = rowSum(row, text, at, end)
      const body = text.slice(at, end)
      if (reply === undefined) insert.run(seq, kind, boot, mono, target, row.expires, source, body, sum)
      else insertWithReply.run(seq, kind, boot, mono, target, row.expires, source, body, sum, reply)
      at = end
    }
  }
}

function prepareSaveBooks(database: Database) {
  const cursor = database.prepare('UPDATE uplink SET ranges = ?, skipped = ? WHERE uplink = ?')
  const account = database.prepare('INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const loss = database.prepare('INSERT OR REPLACE INTO loss VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const closeLoss = database.prepare('DELETE FROM loss WHERE uplink = ? AND reason = ?')
  const reject = database.prepare('INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?)')
  const forgive = database.prepare('DELETE FROM rejected WHERE uplink = ? AND seq = ?')
  const trim = database.prepare(
    `DELETE FROM rejected WHERE uplink = ? AND seq <=
       (SELECT seq FROM rejected WHERE uplink = ? ORDER BY seq DESC LIMIT 1 OFFSET ${REJECTED_MAX})`,
  )
  return (args: CommitArgs): void => {
    for (const { uplink, ranges, skipped } of args.cursors ?? []) {
      cursor.run(JSON.stringify(ranges), JSON.stringify(skipped), uplink)
    }
    for (const { uplink, epoch, counts } of args.accounts ?? []) {
      const { delivered, dropped, rejected, notWanted, skipped, replayed } = counts
      account.run(uplink, epoch, delivered, dropped, rejected, notWanted, skipped, replayed)
    }
    // Before the open ones: an episode may have ended and the next one begun since the last commit.
    for (const [uplink, reason] of args.closedLosses ?? []) closeLoss.run(uplink, reason)
    for (const l of args.losses ?? []) {
      loss.run(l.uplink, l.reason, l.first, l.last, l.count, l.firstBoot, l.firstMono, l.lastBoot, l.lastMono)
    }
    for (const r of args.rejected ?? []) {
      reject.run(r.uplink, r.seq, r.reason, r.kind, r.boot, r.mono, r.source, r.body, r.reply)
    }
    for (const [uplink, seq] of args.retried ?? []) forgive.run(uplink, seq)
    // Once per uplink, not per record: each trim walks over all that are kept.
    for (const uplink of new Set(args.rejected?.map((row) => row.uplink))) trim.run(uplink, uplink)
  }
}

function prepareSaveMeta(database: Database) {
  const epoch = database.prepare('INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?)')
  const boot = database.prepare('INSERT OR REPLACE INTO boot VALUES (?, ?, ?, ?)')
  const uplink = database.prepare("INSERT OR IGNORE INTO uplink VALUES (?, ?, '[]', '[]', NULL, 0, '[]', ?)")
  const absent = database.prepare('UPDATE uplink SET wanted_through = ? WHERE uplink = ?')
  const rename = database.prepare('UPDATE uplink SET name = ? WHERE uplink = ?')
  const control = database.prepare('UPDATE uplink SET paused = ?, replay = ? WHERE uplink = ?')
  const forgetUplink = ['uplink', 'account', 'loss', 'rejected'].map((table) =>
    database.prepare(`DELETE FROM ${table} WHERE uplink = ?`),
  )
  const forgetEpochs = database.prepare('DELETE FROM epoch WHERE start < ?')
  const forgetAccounts = database.prepare('DELETE FROM account WHERE epoch < ?')
  const forgetBoots = database.prepare('DELETE FROM boot WHERE boot < ?')
  return (args: CommitArgs): void => {
    if (args.epoch) {
      const { start, tag, gateway, firstSeq, clean, through } = args.epoch
      epoch.run(start, tag, gateway, firstSeq, clean ? 1 : 0, through)
    }
    if (args.boot) boot.run(args.boot.boot, args.boot.id, args.boot.offsetMs, args.boot.known ? 1 : 0)
    for (const added of args.newUplinks ?? []) {
      uplink.run(added.uplink, added.name, added.past ? JSON.stringify(added.past) : '')
    }
    for (const renamed of args.renamed ?? []) rename.run(renamed.name, renamed.uplink)
    for (const one of args.controls ?? []) control.run(one.paused ? 1 : 0, JSON.stringify(one.replay), one.uplink)
    for (const number of args.forgetUplinks ?? []) for (const statement of forgetUplink) statement.run(number)
    for (const { uplink: number, wantedThrough } of args.absent ?? []) absent.run(wantedThrough, number)
    if (!args.forget) return
    forgetEpochs.run(args.forget.epochsBelow)
    forgetAccounts.run(args.forget.epochsBelow)
    forgetBoots.run(args.forget.bootsBelow)
  }
}
