import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from 'better-sqlite3'
import { messageOf } from '../errors.ts'
import { isFull } from './failure.ts'

/** Far more than any commit needs. */
const ROOM_BYTES = 64 * 1024 * 1024
/** A disk may have been full a moment ago; not in so many tries in a row, with growing pauses between them. */
const TRIES = 4

/**
 * Tells a full disk from damage. SQLite says "full", too, when a destroyed page points to a page beyond `max_page_count`,
 * and would say so for ever.
 */
export class PhantomFull {
  readonly #file: string
  #seen = 0

  constructor(file: string) {
    this.#file = file
  }

  worked(): void {
    this.#seen = 0
  }

  /** The error as it is, or what it means. */
  judge(error: unknown, database: Database): unknown {
    if (!isFull(error) || !this.#hasRoom(database)) {
      this.#seen = 0
      return error
    }
    this.#seen += 1
    return this.#seen < TRIES ? error : new PhantomFullError(error)
  }

  #hasRoom(database: Database): boolean {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#file))
      const [pages, pagesMax] = ['page_count', 'max_page_count'].map((name) => database.pragma(name, { simple: true }))
      return bavail * bsize >= ROOM_BYTES && Number(pages) < Number(pagesMax)
    } catch {
      return false
    }
  }
}

/** Damage. */
class PhantomFullError extends Error {
  readonly code = 'SQLITE_CORRUPT_FULL'
  constructor(cause: unknown) {
    super(`${messageOf(cause)}, though there is room: the database is damaged`, { cause })
  }
}
