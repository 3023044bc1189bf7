import { closeSync, copyFileSync, existsSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { outboxSchema } from '../../src/outbox/sql.ts'
import { openDatabase, PAGE_BYTES } from '../../src/storage/database.ts'
import { salvageSchema } from '../../src/storage/salvage/schema.ts'
import { temporaryFolder } from './outbox-site.ts'

export { PAGE_BYTES }
export const migrations = [{ version: 1, statements: [...outboxSchema, ...salvageSchema] }]

/** Where each row lies, as SQLite's own `dbstat` says: independent of the reader under test. */
export interface RowPlace {
  readonly seq: number
  /** Its leaf and its overflow pages. */
  readonly pages: readonly number[]
}

/** A database as a power cut leaves it: the file and a log that is not written back, with the rows as of the last commit. */
export interface Sample {
  readonly file: string
  readonly rows: ReadonlyMap<number, unknown>
  readonly places: readonly RowPlace[]
  /** Every page of the tree of `record` that holds no rows. */
  readonly inner: readonly number[]
  /** Pages of the file itself. */
  readonly pages: number
}

/** Fills a database with `fill` and copies it, log and all, while it is open. */
export function sample(t: TestContext, fill: (database: Database.Database) => void): Sample {
  const folder = temporaryFolder(t)
  const original = join(folder, 'original.db')
  const database = openDatabase(original, migrations)
  try {
    fill(database)
    const file = join(folder, 'tidegate.db')
    for (const part of ['', '-wal']) if (existsSync(original + part)) copyFileSync(original + part, file + part)
    const rows = database.prepare('SELECT * FROM record ORDER BY seq').all() as { seq: number }[]
    return {
      file,
      rows: new Map(rows.map((row) => [row.seq, row])),
      pages: statSync(file).size / PAGE_BYTES,
      ...placesOf(database, rows),
    }
  } finally {
    database.close()
  }
}

interface StatRow {
  readonly path: string
  readonly pageno: number
  readonly pagetype: 'internal' | 'leaf' | 'overflow'
  readonly ncell: number
}

function placesOf(database: Database.Database, rows: readonly { seq: number }[]): Pick<Sample, 'places' | 'inner'> {
  const pages = database
    .prepare("SELECT path, pageno, pagetype, ncell FROM dbstat WHERE name = 'record' ORDER BY path")
    .all() as StatRow[]
  // Leaves in the order of their paths hold the rows in the order of their keys; `path+overflow` names leaf and cell.
  const places: { seq: number; pages: number[] }[] = []
  const firstOf = new Map<string, number>()
  for (const { path, pageno, ncell } of pages.filter(({ pagetype }) => pagetype === 'leaf')) {
    firstOf.set(path, places.length)
    for (let cell = 0; cell < ncell; cell += 1) places.push({ seq: rows[places.length]?.seq ?? 0, pages: [pageno] })
  }
  for (const { path, pageno } of pages.filter(({ pagetype }) => pagetype === 'overflow')) {
    const [, leaf = '', cell = ''] = /^(.*\/)([0-9a-f]+)\+[0-9a-f]+$/.exec(path) ?? []
    const first = firstOf.get(leaf) ?? firstOf.get(leaf.slice(0, -1)) ?? 0
    places[first + Number.parseInt(cell, 16)]?.pages.push(pageno)
  }
  const inner = pages.filter(({ pagetype }) => pagetype === 'internal').map(({ pageno }) => pageno)
  return { places, inner }
}

/** Overwrites a page, or part of it, in the file itself: what the log has of it stays. */
export function destroyPage(file: string, page: number, options: { from?: number; fill?: Buffer } = {}): void {
  const { from = 0, fill = Buffer.alloc(PAGE_BYTES, 0xa5) } = options
  overwrite(file, (page - 1) * PAGE_BYTES + from, fill)
}

/** With all tables, in memory. */
export function emptyDatabase(): Database.Database {
  const database = new Database(':memory:')
  for (const { statements } of migrations) for (const statement of statements) database.exec(statement)
  return database
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)
}

/** Pages whose newest version is in the log, which must be as a commit left it. */
export function pagesInLog(file: string): Set<number> {
  const found = new Set<number>()
  const log = `${file}-wal`
  if (!existsSync(log)) return found
  const descriptor = openSync(log, 'r')
  const header = Buffer.alloc(32)
  readSync(descriptor, header, 0, 32, 0)
  const frame = Buffer.alloc(24)
  for (let at = 32; readSync(descriptor, frame, 0, 24, at) === 24; at += 24 + PAGE_BYTES) {
    // Frames with other salts are left over from before the log started over.
    if (frame.compare(header, 16, 24, 8, 16) === 0) found.add(frame.readUInt32BE(0))
  }
  closeSync(descriptor)
  return found
}
