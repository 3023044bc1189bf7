import type { Database, Statement } from 'better-sqlite3'

/** What the database says about one uplink, counted from its rows and not from what the outbox believes. */
export interface Recount {
  readonly name: string
  readonly number: number
  /** Seqs of rows it still has a claim to. */
  readonly pending: ReadonlySet<number>
  readonly dropped: number
  /** An absent uplink: from the first number it did not settle through the last it has a claim to. */
  readonly held: readonly [number, number] | undefined
  /** Per epoch of its books: P4 says that issued is the sum of the others. */
  readonly epochs: readonly EpochCount[]
}

export interface EpochCount {
  readonly start: number
  readonly issued: number
  readonly settled: number
  readonly pending: number
}

/** Books are counted again thousands of times on one database: each question is prepared once. */
const prepared = new WeakMap<Database, Map<string, Statement>>()

function prepare(database: Database, sql: string): Statement {
  const known = prepared.get(database) ?? new Map<string, Statement>()
  prepared.set(database, known)
  const statement = known.get(sql) ?? database.prepare(sql)
  known.set(sql, statement)
  return statement
}

interface UplinkRow {
  uplink: number
  name: string
  ranges: string
  skipped: string
  wanted_through: number | null
}

/** Highest number in rows, positions and epochs: the next start goes on behind it. */
export function highestStored(database: Database): number {
  const uplinks = uplinkRows(database)
  return Math.max(
    number(database, 'SELECT max(seq) FROM record'),
    number(database, 'SELECT max(through) FROM epoch'),
    ...uplinks.map((row) => Math.max(row.wanted_through ?? 0, ...pairs(row.ranges).map(([, to]) => to))),
  )
}

export function recount(database: Database): Recount[] {
  const highest = highestStored(database)
  const epochs = prepare(database, 'SELECT start, first_seq FROM epoch ORDER BY start').raw().all() as [
    number,
    number,
  ][]
  const rows = prepare(database, 'SELECT seq, target FROM record').raw().all() as [number, number][]
  const without = audiences(database)
  return uplinkRows(database).map((row) => {
    const done = [...pairs(row.ranges), ...pairs(row.skipped)]
    const pending = rows
      .filter(([, target]) => target <= 0 || target === row.uplink)
      .filter(([, target]) => !without.get(-target)?.includes(row.uplink))
      .filter(([seq]) => seq <= (row.wanted_through ?? highest))
      .filter(([seq]) => !done.some(([from, to]) => from <= seq && seq <= to))
      .map(([seq]) => seq)
    const books = prepare(
      database,
      `SELECT epoch, delivered + dropped + rejected + not_wanted + skipped AS settled, dropped FROM account
       WHERE uplink = ?`,
    ).all(row.uplink) as { epoch: number; settled: number; dropped: number }[]
    let first = 1
    for (const [from, to] of done.sort((a, b) => a[0] - b[0])) if (from <= first) first = Math.max(first, to + 1)
    return {
      held: row.wanted_through === null ? undefined : [first, row.wanted_through],
      name: row.name,
      number: row.uplink,
      pending: new Set(pending),
      dropped: books.reduce((sum, book) => sum + book.dropped, 0),
      epochs: books.map(({ epoch, settled }) => {
        const index = epochs.findIndex(([start]) => start === epoch)
        const first = epochs[index]?.[1] ?? 0
        const through = (epochs[index + 1]?.[1] ?? highest + 1) - 1
        const inEpoch = pending.filter((seq) => seq >= first && seq <= through).length
        return { start: epoch, issued: through - first + 1, settled, pending: inEpoch }
      }),
    }
  })
}

/** Uplinks that do not want the rows with the target -audience. */
function audiences(database: Database): ReadonlyMap<number, readonly number[]> {
  const rows = prepare(database, 'SELECT audience, without FROM audience').raw().all() as [number, string][]
  return new Map(rows.map(([audience, without]) => [audience, JSON.parse(without)]))
}

/** Epochs whose books do not add up, in words. */
export function brokenBooks(counts: readonly Recount[]): string[] {
  return counts.flatMap(({ name, epochs }) =>
    epochs
      .filter(({ issued, settled, pending }) => issued !== settled + pending)
      .map((e) => `${name}, epoch ${e.start}: issued ${e.issued}, settled ${e.settled}, pending ${e.pending}`),
  )
}

function uplinkRows(database: Database): UplinkRow[] {
  return prepare(database, 'SELECT * FROM uplink ORDER BY uplink').all() as UplinkRow[]
}

function pairs(json: string): [number, number][] {
  return JSON.parse(json) as [number, number][]
}

function number(database: Database, sql: string): number {
  return Number(prepare(database, sql).pluck().get() ?? 0)
}

/** The epochs, newest first. */
export function newestFirst(database: Database): { tag: string; first_seq: number; clean: number }[] {
  return prepare(database, 'SELECT tag, first_seq, clean FROM epoch ORDER BY start DESC').all() as {
    tag: string
    first_seq: number
    clean: number
  }[]
}

export interface StoredRow {
  readonly seq: number
  readonly boot: number
  readonly mono: number
  readonly target: number
  readonly body: string
}

export function rowsOf(disk: Database): StoredRow[] {
  return disk.prepare('SELECT seq, boot, mono, target, body FROM record ORDER BY seq').all() as StoredRow[]
}

export function uplinksOf(disk: Database): { readonly name: string; readonly ranges: readonly [number, number][] }[] {
  const rows = disk.prepare('SELECT name, ranges FROM uplink').all() as { name: string; ranges: string }[]
  return rows.map(({ name, ranges }) => ({ name, ranges: JSON.parse(ranges) }))
}
