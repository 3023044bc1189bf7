import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import Database from 'better-sqlite3'
import { checkOwner, LOCK_WAIT_MS } from './database.ts'
import { isLocked } from './failure.ts'
import { type Migration, pendingMigrations } from './migrations.ts'

const OPTIONS = { readonly: true, fileMustExist: true, timeout: LOCK_WAIT_MS }
/** First bytes of a write-ahead log, but for the last bit (https://sqlite.org/fileformat2.html#walformat). */
const LOG_MAGIC = 0x377f0682

/**
 * Opens an existing database and its log without writing a byte or making a file: for a file system that takes nothing, and
 * for looking at the database of an agent that does not run. Throws SQLITE_BUSY when one runs. It holds no lock: see
 * `fingerprint`.
 */
export function openForReading(file: string, migrations: readonly Migration[]): Database.Database {
  const hasLog = logHasContent(file)
  if (hasLog) refuseWhileLocked(file)
  // Without a log nothing has to be recovered, and SQLite would make one. With it, SQLite wants an exclusive lock to keep
  // the log's index in memory and not in a shared file; a read-only file cannot be locked so, hence `unix-none`.
  const database = new Database(uri(file, hasLog ? 'mode=ro&vfs=unix-none' : 'immutable=1'), OPTIONS)
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('cache_size = -4000')
    checkOwner(database, migrations)
    const version = Number(database.pragma('user_version', { simple: true }))
    if (pendingMigrations(migrations, version).length > 0) {
      throw new OlderDatabaseError(`the database has version ${version}, and cannot be brought up to date here`)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Changes when somebody writes: what was read in between two different ones must not be believed. */
export function fingerprint(file: string): string {
  return [file, `${file}-wal`]
    .map((path) => {
      const facts = statSync(path, { throwIfNoEntry: false, bigint: true })
      return facts ? `${facts.ino} ${facts.size} ${facts.mtimeNs}` : '-'
    })
    .join(', ')
}

/** An agent has always written to its log: its first commit stores its start. */
function logHasContent(file: string): boolean {
  if (!statSync(`${file}-wal`, { throwIfNoEntry: false })?.size) return false
  const start = Buffer.alloc(4)
  const descriptor = openSync(`${file}-wal`, 'r')
  try {
    readSync(descriptor, start, 0, 4, 0)
  } finally {
    closeSync(descriptor)
  }
  return (start.readUInt32BE() & ~1) === LOG_MAGIC
}

/** SQLite first takes the shared lock, which an agent does not grant, and then fails to get an exclusive one. */
function refuseWhileLocked(file: string): void {
  const database = new Database(uri(file, 'mode=ro'), OPTIONS)
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('user_version')
  } catch (error) {
    if (isLocked(error)) throw error
  } finally {
    database.close()
  }
}

function uri(file: string, parameters: string): string {
  return `${pathToFileURL(resolve(file)).href}?${parameters}`
}

class OlderDatabaseError extends Error {
  readonly code = 'older_database'
}
