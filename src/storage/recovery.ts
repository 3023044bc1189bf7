import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
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
  const aside = freeName(file)
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

/** Goes on where a power cut or kill interrupted `setAside`. */
export function finishSetAside(file: string): void {
  const prefix = `${basename(file)}.damaged-`
  for (const name of readdirSync(dirname(file))) {
    if (!name.startsWith(prefix)) continue
    const path = join(dirname(file), name)
    if (name.endsWith(UNFINISHED)) removeAll(path)
    if (name.endsWith(SUCCESSOR)) takePlace(file, path.slice(0, -SUCCESSOR.length))
  }
}

function takePlace(file: string, aside: string): void {
  for (const part of PARTS) if (existsSync(file + part)) renameSync(file + part, aside + part)
  syncFolder(file)
  renameSync(aside + SUCCESSOR, file)
  syncFolder(file)
}

function freeName(file: string): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  const name = `${file}.damaged-${stamp}`
  return existsSync(name) ? `${name}-again` : name
}

function removeAll(path: string): void {
  for (const part of PARTS) rmSync(path + part, { force: true })
}

function syncFolder(file: string): void {
  const descriptor = openSync(dirname(file), 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
