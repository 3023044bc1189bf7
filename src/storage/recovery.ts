import {
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { openDatabase } from './database.ts'
import type { Migration } from './migrations.ts'
import type { SalvageRule } from './salvage/rule.ts'
import { takeOver } from './salvage/takeover.ts'

/** The write-ahead log is renamed first: beside another database it would be taken for that one's. */
const PARTS = ['-wal', '-shm', '-journal', ''] as const
/** A finished new database that waits for its place; its name tells where the damaged one goes. */
const SUCCESSOR = '.successor'
/** The same while it is filled. */
const UNFINISHED = '.unfinished'
/** A backup on its way: what the copy is called until it is a successor. */
export const RESTORING = '.restoring'

export interface SetAsideOptions {
  readonly migrations: readonly Migration[]
  readonly rule: SalvageRule
  /** What was found wrong, for the status and the event. */
  readonly reason: string
}

/**
 * Puts a new database in the place of a damaged one: filled with what can be read of the small tables before anything is
 * renamed, so that a power cut at any instant leaves either the old one or the finished new one. The damaged one is not
 * changed. Returns its new path.
 */
export function setAside(file: string, options: SetAsideOptions): string {
  const aside = freeName(file, 'damaged')
  const unfinished = aside + UNFINISHED
  removeAll(unfinished)
  const database = openDatabase(unfinished, options.migrations)
  try {
    takeOver(database, { file, aside, ...options })
  } catch (error) {
    database.close()
    removeAll(unfinished)
    throw error
  }
  // The last connection writes the log back, with a sync, and removes it.
  database.close()
  renameSync(unfinished, aside + SUCCESSOR)
  syncFolder(file)
  takePlace(file, aside)
  return aside
}

/**
 * The same for a database that is whole and synced, and has no log: what is there is kept under a new name. `promised` is
 * called when the change is certain: from then on an error or a power cut only delays it to the next start.
 */
export function replaceDatabase(file: string, by: string, promised: () => void): { readonly before?: string } {
  const aside = freeName(file, 'replaced')
  const before = existsSync(file) ? { before: aside } : {}
  renameSync(by, aside + SUCCESSOR)
  promised()
  syncFolder(file)
  takePlace(file, aside)
  return before
}

/** Goes on where a power cut or kill interrupted a change of databases, and throws away what was not finished. */
export function finishSetAside(file: string): void {
  const name = basename(file)
  const names = readdirSync(dirname(file)).filter((other) => other.startsWith(`${name}.`))
  for (const path of names.map((other) => join(dirname(file), other))) {
    if (path.endsWith(UNFINISHED) || path === file + RESTORING) tryRemoveAll(path)
    else if (path.endsWith(SUCCESSOR)) takePlace(file, path.slice(0, -SUCCESSOR.length))
  }
}

function takePlace(file: string, aside: string): void {
  // The database goes last: where it is gone, a log that is there belongs to the successor.
  if (existsSync(file)) for (const part of PARTS) if (existsSync(file + part)) renameSync(file + part, aside + part)
  syncFolder(file)
  makeEmptyLog(file, aside + SUCCESSOR)
  renameSync(aside + SUCCESSOR, file)
  syncFolder(file)
}

/** An empty log says that none was lost: the successor holds everything. It belongs to whom the successor belongs to. */
function makeEmptyLog(file: string, successor: string): void {
  const { uid, gid, mode } = statSync(successor)
  rmSync(`${file}-wal`, { force: true })
  const descriptor = openSync(`${file}-wal`, 'w', mode & 0o777)
  try {
    if (process.getuid?.() === 0) fchownSync(descriptor, uid, gid)
  } finally {
    closeSync(descriptor)
  }
}

function freeName(file: string, why: 'damaged' | 'replaced'): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  const name = `${file}.${why}-${stamp}`
  return existsSync(name) ? `${name}-again` : name
}

function removeAll(path: string): void {
  for (const part of PARTS) rmSync(path + part, { force: true })
}

/** What is left over is only in the way; a file system that takes nothing must not keep the agent from starting. */
function tryRemoveAll(path: string): void {
  try {
    removeAll(path)
  } catch {
    // Tried again at the next start.
  }
}

function syncFolder(file: string): void {
  const descriptor = openSync(dirname(file), 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
