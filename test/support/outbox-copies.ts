/** State directories as a crash, a backup or a copied card leaves them, and what is in them. */
import { createHash } from 'node:crypto'
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'

const DATABASE = 'tidegate.db'

/** A fresh folder in memory where there is one: thousands of copies wear out no disk, and nothing here is about syncs. */
export function quickFolder(t: TestContext): string {
  const folder = mkdtempSync(join(canWrite('/dev/shm') ? '/dev/shm' : tmpdir(), 'tidegate-copies-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Copies the database and its log, as they lie there now. */
export function copyState(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const suffix of ['', '-wal', '-shm']) {
    const file = join(from, DATABASE + suffix)
    const copy = join(to, DATABASE + suffix)
    rmSync(copy, { force: true })
    if (suffix !== '-shm' && existsSync(file)) copyFileSync(file, copy)
  }
}

/** Everything that is stored, as one short text: equal texts, equal content. Also says when the database is not whole. */
export function fingerprint(database: Database.Database): string {
  const hash = createHash('sha1')
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all()
  for (const table of tables as string[]) {
    hash.update(`${table}\n`)
    for (const row of database.prepare(`SELECT * FROM "${table}"`).raw().iterate()) hash.update(JSON.stringify(row))
  }
  return `${hash.digest('hex')} ${database.pragma('integrity_check', { simple: true })}`
}

/** The fingerprint of a copy of a state directory, taken aside; the copy itself stays untouched. */
export function fingerprintOf(folder: string, aside: string): string {
  copyState(folder, aside)
  const database = new Database(join(aside, DATABASE))
  try {
    return fingerprint(database)
  } finally {
    database.close()
  }
}
