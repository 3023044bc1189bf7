import { basename } from 'node:path'
import Database from 'better-sqlite3'
import { isDiskTrouble } from '../failure.ts'
import type { Migration } from '../migrations.ts'
import { lastKeyOf } from './carver.ts'
import { DamagedFile } from './damaged-file.ts'
import { locateTables, versionOf } from './layout.ts'
import type { SalvageRule } from './rule.ts'
import { readSmallTables, type TableContent } from './small-tables.ts'
import { type TableShape, tableShapes } from './table-shape.ts'

/** Rows taken over from one small table before the agent runs on; of more the newest. */
const SMALL_ROWS_MAX = 60_000
/** Rows that fit on one page at most: a row of ours takes far more than 16 bytes. */
const ROWS_PER_PAGE = 256

export interface TakeoverOptions {
  /** Where the damaged database lies. */
  readonly file: string
  /** The name it will have when it is set aside. */
  readonly aside: string
  readonly reason: string
  readonly migrations: readonly Migration[]
  readonly rule: SalvageRule
}

/**
 * Fills a new database with the small tables of a damaged one, in one transaction, and notes that the large one is still
 * to be taken out.
 */
export function takeOver(database: Database.Database, options: TakeoverOptions): void {
  const file = new DamagedFile(options.file)
  try {
    const shapes = shapesOf(file, options.migrations)
    const carved = shapes.find(({ name }) => name === options.rule.table)
    const small = shapes.filter((shape) => shape !== carved)
    const contents = new Map(readSmallTables(file, small, SMALL_ROWS_MAX))
    database.exec('BEGIN IMMEDIATE')
    for (const shape of small) {
      const rows = contents.get(shape.name)?.rows ?? []
      if (!insertRows(database, shape, rows)) contents.set(shape.name, { rows, isComplete: false })
    }
    // What an earlier salvage had brought here may be lost again: it begins anew, with what is still there.
    database.exec('UPDATE salvage SET next_page = 1, salvaged = 0, unreadable = 0')
    const note = options.rule.repair(database, {
      isComplete: (table) => contents.get(table)?.isComplete ?? false,
      last: carved ? lastKeyOf(file, carved.root) : { key: 0, isCertain: false },
      rowsMissingMax: file.pages * ROWS_PER_PAGE,
    })
    database
      .prepare('INSERT OR REPLACE INTO salvage VALUES (?, ?, ?, 1, ?, 0, 0)')
      .run(basename(options.aside), options.reason, note, file.pages)
    database.exec('COMMIT')
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  } finally {
    file.close()
  }
}

/** Tables of the damaged database, as its version has them, where they begin. */
export function shapesOf(file: DamagedFile, migrations: readonly Migration[]): TableShape[] {
  const version = versionOf(file) ?? Number.POSITIVE_INFINITY
  const fresh = new Database(':memory:')
  try {
    // As openDatabase makes them: with a pointer map, which moves every root by one page.
    fresh.pragma('auto_vacuum = INCREMENTAL')
    for (const migration of migrations) {
      if (migration.version <= version) for (const statement of migration.statements) fresh.exec(statement)
    }
    return locateTables(file, tableShapes(fresh))
  } finally {
    fresh.close()
  }
}

/** False when a row did not fit in: it, or one before it, is not what it was. */
function insertRows(database: Database.Database, shape: TableShape, rows: TableContent['rows']): boolean {
  let isWhole = true
  const names = shape.columns.map(({ name }) => `"${name}"`)
  const insert = database.prepare(
    `INSERT OR IGNORE INTO "${shape.name}" (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
  for (const row of rows) {
    try {
      if (insert.run(row).changes === 0) isWhole = false
    } catch (error) {
      if (isDiskTrouble(error)) throw error
      isWhole = false
    }
  }
  return isWhole
}
