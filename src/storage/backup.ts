import { closeSync, existsSync, lstatSync, openSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { Connection } from './connection.ts'
import { copyOpenFile, syncDirectory } from './copy.ts'
import { checkOwner, PAGE_BYTES, settleLog } from './database.ts'
import type { Migration } from './migrations.ts'
import type { BackupProgress } from './protocol.ts'

/** Pages copied at a time from a database that is only read. */
const PAGES_AT_A_TIME = 64
/** From the first byte: nobody else may read what the gateway measured. */
const MODE = 0o600

export interface BackupOptions {
  readonly migrations: readonly Migration[]
  readonly onProgress: (progress: BackupProgress) => void
}

/**
 * Writes the whole database, as it is now, to `target`: one file without a log, synced and looked at before it gets its
 * name. The log must not be written back until the promise settles: all that is committed meanwhile stays in the log, so
 * that the database file stands still. What is being written is `target.partial`, which must not be there yet.
 */
export async function writeBackup(connection: Connection, target: string, options: BackupOptions): Promise<void> {
  const folder = dirname(target)
  if (!existsSync(folder)) throw new BackupError(`there is no directory ${folder}`)
  if (statSync(target, { throwIfNoEntry: false })?.isFile() === false) throw new BackupError(`${target} is no file`)
  const partial = `${target}.partial`
  // Not existsSync: a link that leads nowhere is there, too.
  if (lstatSync(partial, { throwIfNoEntry: false })) throw new BackupError(`${partial} is there already`)
  try {
    if (connection.isWritable) await copySettled(connection, partial, options)
    else await copyReadOnly(connection, partial, options)
    makeSelfContained(partial, options.migrations)
    await sync(partial)
    await rename(partial, target)
    await syncDirectory(folder)
  } catch (error) {
    // Whatever appeared in its place meanwhile is not ours.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await removeAll(partial).catch(() => {})
    throw error
  }
}

async function copySettled(connection: Connection, partial: string, { onProgress }: BackupOptions): Promise<void> {
  const { generation } = connection
  settleLog(connection.forWriting())
  connection.makeLogRoom()
  const descriptor = connection.files.database
  if (descriptor === undefined) throw new BackupError('the agent has too many files open')
  await copyOpenFile(descriptor, partial, {
    isSame: () => connection.generation === generation,
    onProgress,
    mode: MODE,
  })
}

/** There is nothing to write back into, and nobody waits for a commit. */
async function copyReadOnly(connection: Connection, partial: string, { onProgress }: BackupOptions): Promise<void> {
  // SQLite takes an empty file for a new database, and would make one that everybody may read.
  closeSync(openSync(partial, 'wx', MODE))
  await connection.forReading().backup(partial, {
    progress({ totalPages, remainingPages }) {
      onProgress({ doneBytes: (totalPages - remainingPages) * PAGE_BYTES, totalBytes: totalPages * PAGE_BYTES })
      return PAGES_AT_A_TIME
    },
  })
}

/** Without a log, so that one file is all, readable also where nothing can be written; and it must be one of ours. */
function makeSelfContained(file: string, migrations: readonly Migration[]): void {
  const database = new Database(file, { fileMustExist: true })
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    checkOwner(database, migrations)
    database.pragma('journal_mode = DELETE')
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
  } finally {
    database.close()
  }
}

async function sync(file: string): Promise<void> {
  await using handle = await open(file, 'r')
  await handle.sync()
}

async function removeAll(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(file + suffix, { force: true })
}

class BackupError extends Error {
  readonly code = 'backup_refused'
}
