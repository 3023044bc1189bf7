import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from 'better-sqlite3'
import type { Ballast } from './ballast.ts'
import { emptyStandIn, isNewDatabase, logRoomBytes, moveAside, openForWriting, probe, settleLog } from './database.ts'
import { isDamage, isDiskTrouble, isFull, isLocked } from './failure.ts'
import { LogFile } from './log-file.ts'
import type { Migration } from './migrations.ts'
import { fingerprint, openForReading } from './reading.ts'

/**
 * What the connection is good for. `unsettled`: open for writing, but the log of the connection before could not be written
 * back yet. `standing in`: an empty database in memory, because a new file cannot be made yet.
 */
type Mode = 'writing' | 'unsettled' | 'reading' | 'standing in'

export interface ConnectionOptions {
  readonly migrations: readonly Migration[]
  readonly maxSizeBytes?: number | undefined
  readonly readOnly: boolean
  readonly ballast: Ballast
  /** Puts a damaged database aside and returns its new path; without it, it is only renamed. */
  readonly setAside?: ((file: string, reason: string) => string) | undefined
}

/**
 * The one connection of the storage thread. After trouble it is opened anew before anything is written; as long as that is
 * impossible, what can still be read is read.
 */
export class Connection {
  readonly #file: string
  readonly #options: ConnectionOptions
  #database: Database | undefined
  #mode: Mode = 'reading'
  /** Absent: SQLite syncs commits itself. */
  #log: LogFile | undefined
  /** A write or sync failed: nothing in its cache can be trusted to be on the disk. */
  #isSuspect = false
  /** Files of the open connection, which keep their content when their names are gone. */
  #files: OpenFiles = {}
  #wasOpen = false
  #fingerprint = ''
  /** Counts connections: whoever keeps something prepared on one looks whether it is still the same. */
  generation = 0

  constructor(file: string, options: ConnectionOptions) {
    this.#file = file
    this.#options = options
  }

  get files(): OpenFiles {
    return this.#files
  }

  get isWritable(): boolean {
    return this.#mode === 'writing' && !this.#isSuspect && this.#database !== undefined
  }

  /**
   * Opens what can be opened. Returns why it cannot be written, when it can only be read. Throws when it cannot even be
   * read, is locked, foreign or newer, or is damaged and may not be set aside.
   */
  open(options: { readonly maySetAside: boolean }): { setAside?: string; damage?: string; problem?: Error } {
    if (this.#options.readOnly) {
      this.#fingerprint = fingerprint(this.#file)
      this.#adopt(openForReading(this.#file, this.#options.migrations), 'reading')
      return {}
    }
    try {
      return this.#outcome(this.#openOrGiveBack({ probing: options.maySetAside }))
    } catch (error) {
      if (!options.maySetAside || !isDamage(error)) throw error
      this.close()
      const reason = (error as Error).message
      const setAside = this.#options.setAside?.(this.#file, reason) ?? moveAside(this.#file, 'damaged')
      this.#wasOpen = false
      const problem = this.#openOrGiveBack({ probing: false })
      return { setAside, damage: reason, ...this.#outcome(problem) }
    }
  }

  /** The database in use turned out to be damaged: a new one takes its place. */
  replaceDamaged(error: Error): { readonly setAside: string; readonly damage: string } {
    this.close()
    const setAside = this.#options.setAside?.(this.#file, error.message) ?? moveAside(this.#file, 'damaged')
    this.#wasOpen = false
    const { problem } = this.open({ maySetAside: false })
    if (problem) this.distrust()
    return { setAside, damage: error.message }
  }

  forReading(): Database {
    if (!this.#database) {
      const { problem } = this.open({ maySetAside: false })
      if (!this.#database) throw problem ?? new Error('storage is closed')
    }
    return this.#database
  }

  forWriting(): Database {
    if (this.#options.readOnly) throw new ReadOnlyError('the database was opened for reading only')
    if (this.#database && this.isWritable) return this.#database
    if (this.#database && this.#mode !== 'standing in') {
      // What is open is kept for reading as long as nothing better can be had.
      if (!existsSync(this.#file)) throw new DatabaseGoneError('the database file is gone')
      accessSync(this.#file, constants.W_OK)
      accessSync(dirname(this.#file), constants.W_OK)
    }
    const { problem } = this.open({ maySetAside: false })
    if (problem) throw problem
    if (!this.#database) throw new Error('storage is closed')
    return this.#database
  }

  /** Throws when an agent has begun to write while the database is only looked at, without a lock. */
  checkUnchanged(): void {
    if (this.#options.readOnly && fingerprint(this.#file) !== this.#fingerprint) {
      throw new ChangedError('an agent was started meanwhile; ask it')
    }
  }

  /** After trouble: nothing is written through this connection any more. */
  distrust(): void {
    if (this.#mode === 'writing' || this.#mode === 'unsettled') this.#isSuspect = true
  }

  /** Pages in the log that were not written back; 0 when nothing can be written back. */
  logPages(): number {
    if (!this.#database || !this.isWritable) return 0
    try {
      const [facts] = this.#database.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[]
      return facts && facts.log > facts.checkpointed ? facts.log : 0
    } catch {
      this.distrust()
      return 0
    }
  }

  /** After each COMMIT, before anybody is told. */
  syncLog(): void {
    this.#log?.sync()
  }

  /** After the log was cut. */
  makeLogRoom(): void {
    this.#log?.makeRoom()
  }

  close(): void {
    this.#database?.close()
    this.#database = undefined
    this.generation += 1
    // After the connection: closing any descriptor of a file gives up this process's lock on it.
    this.#log?.close()
    this.#log = undefined
    for (const descriptor of Object.values(this.#files)) closeSync(descriptor)
    this.#files = {}
  }

  #outcome(problem: Error | undefined): { problem?: Error } {
    return problem ? { problem } : {}
  }

  #openOrGiveBack(options: { readonly probing: boolean }): Error | undefined {
    const problem = this.#openAny(options)
    return problem && isFull(problem) && this.#options.ballast.giveBack() ? this.#openAny(options) : problem
  }

  /** Returns the trouble when there is only something to read. */
  #openAny({ probing }: { readonly probing: boolean }): Error | undefined {
    this.close()
    const { migrations, maxSizeBytes } = this.#options
    const isNew = isNewDatabase(this.#file)
    if (isNew && this.#wasOpen && this.#mode !== 'standing in') throw new DatabaseGoneError('the database file is gone')
    try {
      this.#adopt(openForWriting(this.#file, migrations, { maxSizeBytes }), 'unsettled')
    } catch (error) {
      if (!isDiskTrouble(error) || isLocked(error) || isDamage(error)) throw error
      if (!isNew)
        this.#adopt(
          orThrow(error, () => openForReading(this.#file, migrations)),
          'reading',
        )
      else if (isFull(error)) this.#adopt(emptyStandIn(migrations), 'standing in')
      else throw error
      return error as Error
    }
    const database = this.forReading()
    if (probing) probe(database)
    try {
      settleLog(database)
    } catch (error) {
      if (!isDiskTrouble(error) || isDamage(error)) throw error
      this.#isSuspect = true
      return error as Error
    }
    // From here on the thread writes the log back itself, after the commit was confirmed.
    database.pragma('wal_autocheckpoint = 0')
    this.#log = logFile(database, maxSizeBytes)
    this.#mode = 'writing'
    return undefined
  }

  #adopt(database: Database, mode: Mode): void {
    this.#database = database
    this.#mode = mode
    this.#isSuspect = false
    this.#wasOpen = true
    if (mode === 'unsettled') this.#files = openFiles(this.#file)
  }
}

function logFile(database: Database, maxSizeBytes: number | undefined): LogFile | undefined {
  try {
    return new LogFile(database, logRoomBytes(maxSizeBytes))
  } catch {
    // Out of descriptors: SQLite goes on syncing, which costs flash and nothing else.
    return undefined
  }
}

export interface OpenFiles {
  readonly database?: number
  readonly log?: number
}

function openFiles(file: string): OpenFiles {
  const files: { database?: number; log?: number } = {}
  try {
    files.database = openSync(file, 'r')
    files.log = openSync(`${file}-wal`, 'r')
  } catch {
    // Out of descriptors: then a deleted file goes unnoticed, and a backup is refused.
  }
  return files
}

/** The first error tells the cause; that reading fails too is only its consequence. */
function orThrow<T>(error: unknown, make: () => T): T {
  try {
    return make()
  } catch (second) {
    throw isDamage(second) || isLocked(second) ? second : error
  }
}

/** The only one that says: wait, the rescue of the open file is under way. */
class DatabaseGoneError extends Error {
  readonly code = 'database_gone'
}

class ReadOnlyError extends Error {
  readonly code = 'read_only'
}

class ChangedError extends Error {
  readonly code = 'SQLITE_BUSY_CHANGED'
}
