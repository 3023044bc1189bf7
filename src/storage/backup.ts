import { existsSync, statSync } from 'node:fs'
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

export interface BackupOptions {
  readonly migrations: readonly Migration[]
  readonly onProgress: (progress: BackupProgress) => void
}

/**
 * Writes the whole database, as it is now, to `target`: one file without a log, synced and looked at before it gets its
 * name. The log must not be written back until the promise settles: all that is committed meanwhile stays in the log, so
 * that the database file stands still.
 */
export async function writeBackup(connection: Connection, target: string, options: BackupOptions): Promise<void> {
  const folder = dirname(target)
  if (!existsSync(folder)) throw new BackupError(`there is no directory ${folder}`)
  if (statSync(target, { throwIfNoEntry: false })?.isFile() === false) throw new BackupError(`${target} is no file`)
  const partial = `${target}.partial`
  try {
    await removeAll(partial)
    if (connection.isWritable) await copySettled(connection, partial, options)
    else await copyReadOnly(connection, partial, options)
    makeSelfContained(partial, options.migrations)
    await sync(partial)
    await rename(partial, target)
    await syncDirectory(folder)
  } catch (error) {
    await removeAll(partial).catch(() => {})
    throw error
  }
}

async function copySettled(connection: Connection, partial: string, { onProgress }: BackupOptions): Promise<void> {
  const { generation } = connection
  settleLog(connection.forWriting())
  const descriptor = connection.files.database
  if (descriptor === undefined) throw new BackupError('the agent has too many files open')
  await copyOpenFile(descriptor, partial, { isSame: () => connection.generation === generation, onProgress })
}

/** There is nothing to write back into, and nobody waits for a commit. */
async function copyReadOnly(connection: Connection, partial: string, { onProgress }: BackupOptions): Promise<void> {
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
