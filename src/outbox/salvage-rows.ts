/**
 * What the outbox knows of its tables when a damaged database is salvaged. Runs in the storage thread only.
 *
 * No id may return (P3), so a number whose epoch is not known for certain gets an epoch of its own; nothing may be lost
 * that can be read (P1), so what an uplink settled counts only where its position is known.
 */
import { randomBytes } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import { readAudiences, repairAudiences } from './audience-sql.ts'
import { Audiences } from './audiences.ts'
import { Ranges } from './ranges.ts'
import { rowSum, type SummedRow } from './row-sum.ts'
import type { SalvageNote } from './salvage-operations.ts'

interface Found {
  readonly isComplete: (table: string) => boolean
  readonly last: { readonly key: number; readonly isCertain: boolean }
  readonly rowsMissingMax: number
}

type Verdict = 'wanted' | 'settled' | 'implausible'

interface EpochRow {
  readonly start: number
  readonly tag: string
  readonly gateway: string
  readonly first_seq: number
  readonly through: number
}

interface UplinkRow {
  readonly uplink: number
  readonly ranges: string
  readonly skipped: string
  readonly wanted_through: number | null
  readonly replay: string
  readonly past: string
}

/** Distance to numbers that may have been issued although nothing of them can be read. */
const UNREAD_NUMBERS = 1_000_000
const LAST_KIND = 2

export const outboxSalvage = {
  table: 'record',

  repair(database: Database, found: Found): string {
    const positionsKnown = !dropUnreadablePositions(database) && found.isComplete('uplink')
    repairAudiences(database, found.isComplete('audience'))
    const uplinks = uplinksOf(database)
    const known = highestKnown(database, uplinks, found.last.key)
    const isCertain = found.isComplete('epoch') && (endedCleanly(database) || (found.last.isCertain && positionsKnown))
    const through = isCertain ? known : known + UNREAD_NUMBERS + found.rowsMissingMax
    const hasEpochs = database.prepare('SELECT 1 FROM epoch LIMIT 1').get() !== undefined
    repairEpochs(database, { isComplete: found.isComplete('epoch'), through })
    if (found.isComplete('account') && !hasEpochs) mergeAccounts(database, { uplinks, known })
    else if (!found.isComplete('account') || !found.isComplete('epoch')) rebuildAccounts(database, uplinks)
    const note: SalvageNote = {
      through,
      known,
      bootsKnown: found.isComplete('boot'),
      positionsKnown,
      uplinks: uplinks.map(({ uplink }) => uplink),
    }
    return JSON.stringify(note)
  },

  judge(database: Database, note: string): (row: Readonly<Record<string, unknown>>) => Verdict {
    const { through, bootsKnown, positionsKnown } = JSON.parse(note) as SalvageNote
    const boots = new Set(database.prepare('SELECT boot FROM boot').pluck().all())
    const audiences = new Audiences(readAudiences(database))
    const claims = uplinksOf(database).map((row) => toClaim(row, audiences))
    return (row) => {
      const seq = Number(row['seq'])
      const target = Number(row['target'])
      const isPlausible =
        seq >= 1 &&
        seq <= through &&
        Number(row['kind']) >= 0 &&
        Number(row['kind']) <= LAST_KIND &&
        (boots.has(row['boot']) || !bootsKnown) &&
        Number.isSafeInteger(target) &&
        isWhole(row)
      if (!isPlausible) return 'implausible'
      // An uplink whose position was lost may want everything, so nothing is left behind.
      if (!positionsKnown) return 'wanted'
      return claims.some((claim) => claim(seq, target)) ? 'wanted' : 'settled'
    }
  },
}

/** The checksum tells; a row without one has at least a body that can be read. */
function isWhole(row: Readonly<Record<string, unknown>>): boolean {
  const { body, sum } = row
  if (typeof body !== 'string') return false
  return typeof sum === 'number' ? rowSum(row as unknown as SummedRow, body) === sum : isBody(body)
}

/** A body is a JSON object without its braces. */
function isBody(body: string): boolean {
  try {
    JSON.parse(`{${body}}`)
    return true
  } catch {
    return false
  }
}

function uplinksOf(database: Database): UplinkRow[] {
  return database
    .prepare('SELECT uplink, ranges, skipped, wanted_through, replay, past FROM uplink ORDER BY uplink')
    .all() as UplinkRow[]
}

/** What one uplink still wants of the stored rows. */
function toClaim(row: UplinkRow, audiences: Audiences): (seq: number, target: number) => boolean {
  const settled = new Ranges(JSON.parse(row.ranges) as [number, number][])
  const skipped = new Ranges(JSON.parse(row.skipped) as [number, number][])
  const replay = new Ranges(JSON.parse(row.replay) as [number, number][])
  const last = row.wanted_through ?? Number.POSITIVE_INFINITY
  return (seq, target) => {
    if (!audiences.includes(row.uplink, target)) return false
    return replay.has(seq) || (seq <= last && !settled.has(seq) && !skipped.has(seq))
  }
}

/** A position that is no list of ranges would keep the agent from starting. Answers whether there was one. */
function dropUnreadablePositions(database: Database): boolean {
  const remove = database.prepare('DELETE FROM uplink WHERE uplink = ?')
  const unreadable = uplinksOf(database).filter(
    (row) => ![row.ranges, row.skipped, row.replay].every(isRanges) || !isPast(row.past),
  )
  for (const { uplink } of unreadable) remove.run(uplink)
  return unreadable.length > 0
}

function isRanges(text: string): boolean {
  try {
    const pairs = JSON.parse(text)
    return Array.isArray(pairs) && pairs.every((pair) => Array.isArray(pair) && pair.every(Number.isSafeInteger))
  } catch {
    return false
  }
}

function isPast(text: string): boolean {
  if (text === '') return true
  try {
    const { through, devices = [], thinToMs = 1 } = JSON.parse(text)
    return Number.isSafeInteger(through) && Array.isArray(devices) && thinToMs > 0
  } catch {
    return false
  }
}

/** Then `through` of the last epoch is the newest number there was. */
function endedCleanly(database: Database): boolean {
  return database.prepare('SELECT clean FROM epoch ORDER BY start DESC LIMIT 1').pluck().get() === 1
}

function highestKnown(database: Database, uplinks: readonly UplinkRow[], lastRow: number): number {
  const epochs = database.prepare('SELECT coalesce(max(max(first_seq - 1, through)), 0) FROM epoch').pluck().get()
  const settled = uplinks.map(({ ranges, wanted_through }) =>
    Math.max(new Ranges(JSON.parse(ranges) as [number, number][]).last, wanted_through ?? 0),
  )
  return Math.max(Number(epochs), lastRow, ...settled)
}

/**
 * Numbers that no readable epoch certainly issued belong to an epoch made up now, so that their ids were never seen. The
 * last epoch is stored with `through`, from which the next one goes on.
 */
function repairEpochs(database: Database, facts: { readonly isComplete: boolean; readonly through: number }): void {
  const insert = database.prepare('INSERT OR IGNORE INTO epoch VALUES (?, ?, ?, ?, 0, ?)')
  const epochs = database.prepare('SELECT * FROM epoch ORDER BY start').all() as EpochRow[]
  if (!facts.isComplete) {
    const before = [{ start: 0, gateway: epochs[0]?.gateway ?? '', first_seq: 1, through: 0 }, ...epochs]
    for (const [index, epoch] of before.entries()) {
      const next = before[index + 1]
      if (next && next.start === epoch.start + 1) continue
      const tag = `${epoch.start + 1}-salvaged-${randomBytes(4).toString('hex')}`
      // Its `through` is as old as the last commit that wrote it: numbers above it may be of the epochs that are missing.
      const first = Math.max(epoch.first_seq, epoch.through + 1)
      insert.run(epoch.start + 1, tag, epoch.gateway, first, first)
    }
  }
  database.prepare('UPDATE epoch SET through = ? WHERE start = (SELECT max(start) FROM epoch)').run(facts.through)
}

/**
 * No epoch is known, so one made up now has all numbers: its books are those of all epochs together. What was given up long
 * ago stays given up, and is not taken for lost by the damage.
 */
function mergeAccounts(
  database: Database,
  { uplinks, known }: { readonly uplinks: readonly UplinkRow[]; readonly known: number },
): void {
  const sums = database
    .prepare(
      `SELECT uplink, sum(delivered) AS delivered, sum(dropped) AS dropped, sum(rejected) AS rejected,
              sum(not_wanted) AS notWanted, sum(skipped) AS skipped, sum(replayed) AS replayed
       FROM account GROUP BY uplink`,
    )
    .all() as Record<string, number>[]
  database.exec('DELETE FROM account')
  const insert = database.prepare('INSERT INTO account VALUES (?, (SELECT min(start) FROM epoch), ?, ?, ?, ?, ?, ?)')
  for (const { uplink, ranges, skipped } of uplinks) {
    const {
      delivered = 0,
      dropped = 0,
      rejected = 0,
      notWanted = 0,
      skipped: skips = 0,
      replayed = 0,
    } = sums.find((row) => row['uplink'] === uplink) ?? {}
    // Epochs that were forgotten long ago have no books, but their numbers are settled.
    const settled = numbersIn(JSON.parse(ranges), 1, known) + numbersIn(JSON.parse(skipped), 1, known)
    const forgotten = Math.max(0, settled - delivered - dropped - rejected - notWanted - skips)
    insert.run(uplink, delivered, dropped, rejected, notWanted, skips + forgotten, replayed)
  }
}

/** From the positions: what is settled counts as delivered. What was given up or rejected can no longer be told apart. */
function rebuildAccounts(database: Database, uplinks: readonly UplinkRow[]): void {
  // Books of epochs that are not known would never balance.
  database.exec('DELETE FROM account')
  const insert = database.prepare('INSERT INTO account VALUES (?, ?, ?, 0, 0, 0, ?, 0)')
  const epochs = database.prepare('SELECT start, first_seq FROM epoch ORDER BY start').all() as EpochRow[]
  for (const { uplink, ranges, skipped } of uplinks) {
    const settled = JSON.parse(ranges) as [number, number][]
    const absent = JSON.parse(skipped) as [number, number][]
    for (const [index, { start, first_seq: first }] of epochs.entries()) {
      const last = (epochs[index + 1]?.first_seq ?? Number.POSITIVE_INFINITY) - 1
      insert.run(uplink, start, numbersIn(settled, first, last), numbersIn(absent, first, last))
    }
  }
}

function numbersIn(ranges: readonly (readonly [number, number])[], first: number, last: number): number {
  return ranges.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, last) - Math.max(from, first) + 1), 0)
}
