/**
 * The file of the write-ahead log: room written ahead, and the sync of each commit.
 *
 * SQLite as it comes lets the log grow with each commit and syncs it with fsync. On ext4 both make the file system write
 * its journal, three blocks of 4 KiB, for a commit that itself needs one or two. fdatasync into room that is already
 * there does not: at two readings a second 23 instead of 65 times their bytes reach the flash (docs/figures.md).
 */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, statfsSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from 'better-sqlite3'

/** Each commit is synced (https://sqlite.org/pragma.html#pragma_synchronous). */
const FULL = 2
/** Room is made only where it is a small part of what is free. */
const FREE_SHARE = 16

/**
 * A page of the kernel. In larger pieces it would cache the room in larger units, and book a whole one as written by us
 * (/proc/PID/io) whenever a commit touches it, though only the blocks touched reach the flash.
 */
const PIECE_BYTES = 4096

export class LogFile {
  readonly #directory: string
  readonly #file: number
  readonly #roomBytes: number
  readonly #syncs: boolean

  /**
   * From now on SQLite does not sync commits, `sync` does (if SQLite would); checkpoints, and a log that starts over, are synced by SQLite
   * as before. `database` is open for writing and its log is empty. Throws when the log cannot be opened a second time:
   * then SQLite goes on syncing.
   */
  constructor(database: Database, roomBytes: number) {
    this.#directory = dirname(database.name)
    this.#roomBytes = roomBytes
    // The log carries no locks, so closing this descriptor releases none (one of the database file would release all).
    this.#file = openSync(`${database.name}-wal`, 'r+')
    // Stands in for SQLite's own sync of each commit: where that is off, as in the controls of the power-cut test, it is off.
    this.#syncs = database.pragma('synchronous', { simple: true }) === FULL
    if (this.#syncs) database.pragma('synchronous = NORMAL')
    this.makeRoom()
  }

  /** After each COMMIT, before anybody is told. Throws LogSyncError; the connection must be given up then. */
  sync(): void {
    if (!this.#syncs) return
    try {
      fdatasyncSync(this.#file)
    } catch (error) {
      throw new LogSyncError(error)
    }
  }

  /**
   * Only while the log is empty: zeros, because blocks that are merely reserved cost the journal when first written. Where
   * there is no space for them, only the length is given, without blocks. Either way the length is on the disk before SQLite
   * writes the header, so that a log with a header that is shorter was cut (`isLogCut`).
   */
  makeRoom(): void {
    try {
      this.#writeZeros()
    } catch {
      // Room only saves flash. A disk that is full or fails says so at the commit, and must not be fuller by this.
      this.#giveBack()
    }
  }

  #writeZeros(): void {
    const { bavail, bsize } = statfsSync(this.#directory)
    if (bavail * bsize < FREE_SHARE * this.#roomBytes) {
      this.#giveBack()
      return
    }
    const zeros = Buffer.alloc(PIECE_BYTES)
    for (let at = 0; at < this.#roomBytes; at += PIECE_BYTES) writeSync(this.#file, zeros, 0, PIECE_BYTES, at)
    this.sync()
  }

  #giveBack(): void {
    try {
      ftruncateSync(this.#file, 0)
      ftruncateSync(this.#file, this.#roomBytes)
      this.sync()
    } catch {
      // As above.
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/**
 * Is the log shorter than it was made? A power cut or kill leaves it at its length, with zeros or older frames behind the
 * last commit. One that is empty, or has no header yet, holds no commit that could be missing.
 */
export function isLogCut(file: string, roomBytes: number): boolean {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    const { size } = fstatSync(descriptor)
    const start = Buffer.alloc(1)
    return size < roomBytes && readSync(descriptor, start, 0, 1, 0) === 1 && start[0] !== 0
  } catch {
    return false
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Treated like any trouble of the disk. */
class LogSyncError extends Error {
  readonly code = 'SQLITE_IOERR_FSYNC'
  constructor(cause: unknown) {
    super('the write-ahead log could not be synced', { cause })
  }
}
