import { existsSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf } from '../errors.ts'
import { APPLICATION_ID } from './migrations.ts'

/** What is wrong with a file that was to be restored. */
export interface Examined {
  readonly problems: readonly string[]
  /** Version of the database's shape. */
  readonly version?: number
}

/** Faults that are told; one is enough to refuse a file. */
const PROBLEMS_MAX = 10

/**
 * Reads all of a database and says what is wrong with it. Takes as long as it takes and may write its log back, so it is
 * for a copy, in a process of its own.
 */
export function examineDatabase(file: string): Examined {
  if (!existsSync(file) || statSync(file).size === 0) return { problems: ['the file is empty'] }
  try {
    const database = new Database(file, { fileMustExist: true })
    try {
      database.pragma('locking_mode = EXCLUSIVE')
      const id = Number(database.pragma('application_id', { simple: true }))
      if (id !== APPLICATION_ID) return { problems: [`it is no database of tidegate (id ${id})`] }
      const found = database.pragma(`integrity_check(${PROBLEMS_MAX})`) as { integrity_check: string }[]
      const problems = found.map((row) => row.integrity_check).filter((text) => text !== 'ok')
      return { problems, version: Number(database.pragma('user_version', { simple: true })) }
    } finally {
      database.close()
    }
  } catch (error) {
    return { problems: [messageOf(error)] }
  }
}
