import { accessSync, constants, existsSync, renameSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { APPLICATION_ID, type Migration, pendingMigrations } from './migrations.ts'

/** A commit of a few readings writes one or two pages: larger ones write more, smaller ones split bodies (docs/figures.md). */
export const PAGE_BYTES = 1024
/** The write-ahead log is written back into the database at this many pages, and starts over. */
const WAL_PAGES_MAX = 1024
/** Of a small database the log is smaller, or it would be most of what `max_size` allows. */
const WAL_PAGES_MIN = 256
const WAL_SHARE = 64
/** Another agent holding the file is noticed after this; a dying one lets go at once. */
export const LOCK_WAIT_MS = 2000
/** Room above `max_size` before SQLite itself refuses to grow: only a fault of ours gets there. */
const GUARD_BYTES = 64 * 1024 * 1024

export interface DatabaseOptions {
  /** The limit that is kept elsewhere: it sizes the log, and a guard far above it stops a fault from filling the disk. */
  readonly maxSizeBytes?: number | undefined
}

/** After how many pages the log is written back. */
export function walPages(maxSizeBytes = Number.POSITIVE_INFINITY): number {
  const share = Math.floor(maxSizeBytes / WAL_SHARE / PAGE_BYTES)
  return Math.min(WAL_PAGES_MAX, Math.max(WAL_PAGES_MIN, share))
}

/** Header of a page in the log (https://sqlite.org/fileformat2.html#walformat). */
const FRAME_HEADER_BYTES = 24
/** The commit that reaches the length at which the log is written back. */
const LAST_COMMIT_BYTES = 64 * 1024

/** What the log takes in its file before it is written back. */
export function logRoomBytes(maxSizeBytes?: number): number {
  return walPages(maxSizeBytes) * (PAGE_BYTES + FRAME_HEADER_BYTES) + LAST_COMMIT_BYTES
}

/** Opens (or creates) the database for writing: of the newest version, locked, and with the log written back. */
export function openDatabase(
  file: string,
  migrations: readonly Migration[],
  options: DatabaseOptions = {},
): Database.Database {
  const database = openForWriting(file, migrations, options)
  try {
    settleLog(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Opens (or creates) the database with everything set explicitly that durability depends on, and brings it up to the
 * newest version, each step in a transaction of its own. Nothing may be written before `settleLog`.
 */
export function openForWriting(
  file: string,
  migrations: readonly Migration[],
  options: DatabaseOptions = {},
): Database.Database {
  const isNew = isNewDatabase(file)
  // SQLite would open it for reading only and then speak of a disk error when it cannot lock it.
  if (!isNew) accessSync(file, constants.W_OK)
  const database = new Database(file, { timeout: LOCK_WAIT_MS })
  try {
    database.pragma(`page_size = ${PAGE_BYTES}`)
    // For the map of which page belongs to whom: a damaged database is taken apart with it. Only a new file takes it, and
    // in any other SQLite would write the setting down again, also where nothing may be written.
    if (isNew) database.pragma('auto_vacuum = INCREMENTAL')
    // Exclusive before WAL: no shared-memory file, and a second agent on the same state directory is refused.
    database.pragma('locking_mode = EXCLUSIVE')
    // Before anything is written: what is not ours, or is newer than we are, stays as it is.
    if (!isNew) checkOwner(database, migrations)
    database.pragma('journal_mode = WAL')
    setUp(database, options)
    migrate(database, migrations)
    // Takes the exclusive lock even when there was nothing to migrate.
    database.exec('BEGIN IMMEDIATE; COMMIT')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function setUp(database: Database.Database, { maxSizeBytes }: DatabaseOptions): void {
  const pages = walPages(maxSizeBytes)
  // The package's default for WAL is NORMAL, which loses commits at a power cut.
  database.pragma('synchronous = FULL')
  database.pragma(`wal_autocheckpoint = ${pages}`)
  database.pragma(`journal_size_limit = ${2 * pages * PAGE_BYTES}`)
  database.pragma('temp_store = MEMORY')
  database.pragma('cache_size = -4000')
  if (maxSizeBytes === undefined) return
  const guard = Math.max(maxSizeBytes, Number(database.pragma('page_count', { simple: true })) * PAGE_BYTES)
  database.pragma(`max_page_count = ${Math.ceil((guard + GUARD_BYTES) / PAGE_BYTES)}`)
}

/** Stands in, in memory, for a new database that cannot be made yet: every question finds nothing. */
export function emptyStandIn(migrations: readonly Migration[]): Database.Database {
  const database = new Database(':memory:')
  migrate(database, migrations)
  return database
}

export function isNewDatabase(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0
}

/** A database of ours carries our id from its first version on; one without tables may become ours. */
export function checkOwner(database: Database.Database, migrations: readonly Migration[]): void {
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
export function settleLog(database: Database.Database): void {
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

/** Rows read at each end of a table: all of the small tables, which the start depends on. */
const PROBE_ROWS = 1_000

/** Reads the schema and both ends of every table, so that the commonest damage shows at the start. */
export function probe(database: Database.Database): void {
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

/** Renames a database with all that belongs to it. Returns its new name. */
export function moveAside(file: string, why: 'damaged' | 'replaced'): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  const aside = `${file}.${why}-${stamp}`
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix)
  }
  return aside
}
