import { accessSync, constants, existsSync, renameSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { APPLICATION_ID, type Migration, pendingMigrations } from './migrations.ts'
import type { DiskFacts, Opened } from './protocol.ts'

/** Pages of 4 KiB: a commit of a few readings dirties one or two, and an SD card erases in far larger blocks anyway. */
const PAGE_BYTES = 4096
/** The write-ahead log is written back into the database at this many pages, and starts over. */
const WAL_PAGES = 1000
const WAL_BYTES_MAX = 2 * WAL_PAGES * PAGE_BYTES
/** Another agent holding the file is noticed after this; a dying one lets go at once. */
const LOCK_WAIT_MS = 2000

/**
 * Opens (or creates) the database with everything set explicitly that durability depends on, and brings it up to the
 * newest version, each step in a transaction of its own.
 */
export function openDatabase(file: string, migrations: readonly Migration[]): Database.Database {
  const isNew = !existsSync(file) || statSync(file).size === 0
  // SQLite would open it for reading only and then speak of a disk error when it cannot lock it.
  if (!isNew) accessSync(file, constants.W_OK)
  const database = new Database(file, { timeout: LOCK_WAIT_MS })
  try {
    database.pragma(`page_size = ${PAGE_BYTES}`)
    // Exclusive before WAL: no shared-memory file, and a second agent on the same state directory is refused.
    database.pragma('locking_mode = EXCLUSIVE')
    // Before anything is written: what is not ours, or is newer than we are, stays as it is.
    if (!isNew) checkOwner(database, migrations)
    database.pragma('journal_mode = WAL')
    // The package's default for WAL is NORMAL, which loses commits at a power cut.
    database.pragma('synchronous = FULL')
    database.pragma(`wal_autocheckpoint = ${WAL_PAGES}`)
    database.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`)
    database.pragma('temp_store = MEMORY')
    database.pragma('cache_size = -4000')
    migrate(database, migrations)
    // Takes the exclusive lock even when there was nothing to migrate.
    database.exec('BEGIN IMMEDIATE; COMMIT')
    settleLog(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A database of ours carries our id from its first version on; one without tables may become ours. */
function checkOwner(database: Database.Database, migrations: readonly Migration[]): void {
  const id = Number(database.pragma('application_id', { simple: true }))
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  if (id !== APPLICATION_ID && !(id === 0 && isEmpty)) {
    throw new ForeignDatabaseError(`the file is a database of another program (id ${id})`)
  }
  pendingMigrations(migrations, Number(database.pragma('user_version', { simple: true })))
}

/**
 * Writes the log left by the connection before into the database, with a sync. After a failed sync the log holds frames
 * that were never synced: run again, a job would find its rows there, change nothing, sync nothing and be confirmed.
 */
function settleLog(database: Database.Database): void {
  const [result] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
  if (result?.busy !== 0) throw new LogNotSettledError('the write-ahead log could not be written back')
}

/** Treated like any trouble of the disk: opened again later. */
class LogNotSettledError extends Error {
  readonly code = 'SQLITE_IOERR_LOG_NOT_SETTLED'
}

function migrate(database: Database.Database, migrations: readonly Migration[]): void {
  const version = Number(database.pragma('user_version', { simple: true }))
  for (const migration of pendingMigrations(migrations, version)) {
    database.exec('BEGIN IMMEDIATE')
    try {
      for (const statement of migration.statements) database.exec(statement)
      database.pragma(`application_id = ${APPLICATION_ID}`)
      database.pragma(`user_version = ${migration.version}`)
      database.exec('COMMIT')
    } catch (error) {
      if (database.inTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}

class ForeignDatabaseError extends Error {
  readonly code = 'foreign_database'
}

/**
 * Opens the database; a damaged one is moved aside under a dated name (nothing is deleted) and a new one is begun (P11).
 */
export function openOrSetAside(
  file: string,
  migrations: readonly Migration[],
): { database: Database.Database; opened: Opened } {
  try {
    const database = openDatabase(file, migrations)
    try {
      probe(database)
    } catch (error) {
      database.close()
      throw error
    }
    return { database, opened: { facts: diskFacts(database) } }
  } catch (error) {
    if (!isDamage(error)) throw error
    const setAside = moveAside(file)
    const database = openDatabase(file, migrations)
    return { database, opened: { setAside, damage: (error as Error).message, facts: diskFacts(database) } }
  }
}

/** Rows read at each end of a table: all of the small tables, which the start depends on. */
const PROBE_ROWS = 1_000

/** Reads the schema and both ends of every table, so that the commonest damage shows at the start. */
function probe(database: Database.Database): void {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]
  for (const table of tables) {
    for (const order of ['ASC', 'DESC']) {
      const key = database.prepare(`SELECT name FROM pragma_table_info('${table}') WHERE pk = 1`).pluck().get()
      const rows = database.prepare(
        `SELECT * FROM "${table}" ORDER BY "${key ?? 'rowid'}" ${order} LIMIT ${PROBE_ROWS}`,
      )
      for (const _ of rows.iterate());
    }
  }
}

function isDamage(error: unknown): boolean {
  const code = codeOf(error)
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
}

/** Trouble of the disk or of a lock, which may pass; everything else is a programming error. */
export function isDiskTrouble(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|READONLY|BUSY|LOCKED|CANTOPEN|NOMEM|CORRUPT|NOTADB|PROTOCOL)/.test(codeOf(error))
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'bug'
}

function moveAside(file: string): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  const aside = `${file}.damaged-${stamp}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix)
  }
  return aside
}

export function diskFacts(database: Database.Database): DiskFacts {
  const pages = Number(database.pragma('page_count', { simple: true }))
  const free = Number(database.pragma('freelist_count', { simple: true }))
  return { usedBytes: (pages - free) * PAGE_BYTES + WAL_PAGES * PAGE_BYTES, fileBytes: pages * PAGE_BYTES }
}
