import { dirname, join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { codeOf, isDiskTrouble } from '../failure.ts'
import type { Migration } from '../migrations.ts'
import type { OperationTable } from '../operation.ts'
import { Carver } from './carver.ts'
import { DamagedFile } from './damaged-file.ts'
import type { SalvageRule } from './rule.ts'
import type { TableShape } from './table-shape.ts'
import { shapesOf } from './takeover.ts'
import type { Value } from './values.ts'

/** Slices in which a damaged file may refuse to be opened (a card that stumbles, too many open files) before it is given up. */
const OPEN_TRIES = 100

interface SalvageRow {
  readonly file: string
  readonly reason: string
  readonly note: string
  readonly next_page: number
  readonly pages: number
  readonly salvaged: number
  readonly unreadable: number
}

/** A damaged database while its rows are taken out. */
interface Work {
  readonly path: string
  readonly file: DamagedFile
  readonly shape: TableShape
  readonly carver: Carver
}

/** The thread's side of the salvage: one slice per call, progress and rows in one transaction. */
export function salvageOperations(rule: SalvageRule, migrations: readonly Migration[]): OperationTable {
  // Kept over connections: a failing disk may cost many of them while one salvage goes on.
  const slices = new Slices(rule, migrations)
  return {
    'storage.salvage': (database) => (args: { readonly sliceMs: number }) => slices.run(database, args.sliceMs),
    'storage.salvages': (database) => () => stateOf(database),
    'storage.salvaged': (database) => {
      // One that began anew, because the database it was brought into got damaged as well, is not over.
      const remove = database.prepare('DELETE FROM salvage WHERE file = ? AND next_page > pages')
      return (args: { readonly files: readonly string[] }): void => {
        for (const file of args.files) remove.run(file)
      }
    },
  }
}

class Slices {
  readonly #rule: SalvageRule
  readonly #migrations: readonly Migration[]
  #work: Work | undefined
  #refusals = 0

  constructor(rule: SalvageRule, migrations: readonly Migration[]) {
    this.#rule = rule
    this.#migrations = migrations
  }

  run(database: Database, sliceMs: number): ReturnType<typeof stateOf> {
    const until = performance.now() + sliceMs
    const row = database.prepare('SELECT * FROM salvage WHERE next_page <= pages ORDER BY file DESC LIMIT 1').get() as
      | SalvageRow
      | undefined
    if (row) {
      try {
        this.#slice(database, row, until)
      } catch (error) {
        if (isDiskTrouble(error)) throw error
        // A fault of ours in reading what is damaged must not keep the agent from working: it is given up, the file stays.
        this.#close()
        database.prepare('UPDATE salvage SET next_page = pages + 1 WHERE file = ?').run(row.file)
      }
    }
    return stateOf(database)
  }

  #slice(database: Database, row: SalvageRow, until: number): void {
    const save = database.prepare(
      'UPDATE salvage SET next_page = ?, salvaged = salvaged + ?, unreadable = unreadable + ? WHERE file = ?',
    )
    const work = this.#workOn(join(dirname(database.name), row.file))
    if (work === 'later') return
    if (work === 'gone') {
      save.run(row.pages + 1, 0, 0, row.file)
      return
    }
    while (!work.carver.survey()) if (performance.now() >= until) return
    const put = preparePut(database, work.shape, this.#rule.judge(database, row.note))
    let page = row.next_page
    let salvaged = 0
    let unreadable = 0
    do {
      const found = work.carver.rowsOn(page)
      unreadable += found.unreadable
      for (const values of found.rows) {
        const outcome = put(values)
        if (outcome === 'implausible') unreadable += 1
        else if (outcome === 'added') salvaged += 1
      }
      page += 1
    } while (page <= row.pages && performance.now() < until)
    save.run(page, salvaged, unreadable, row.file)
    if (page > row.pages) this.#close()
  }

  /**
   * `gone`: nothing more will come out of it, because somebody took the file away or it cannot be opened at all. That is no
   * trouble of the database, whose commits go on.
   */
  #workOn(path: string): Work | 'later' | 'gone' {
    if (this.#work?.path === path) return this.#work
    this.#close()
    let file: DamagedFile
    try {
      file = new DamagedFile(path)
    } catch (error) {
      this.#refusals += 1
      if (codeOf(error) !== 'ENOENT' && this.#refusals < OPEN_TRIES) return 'later'
      this.#refusals = 0
      return 'gone'
    }
    this.#refusals = 0
    const shape = shapesOf(file, this.#migrations).find(({ name }) => name === this.#rule.table)
    if (!shape) throw new Error(`there is no table ${this.#rule.table}`)
    this.#work = { path, file, shape, carver: new Carver(file, shape) }
    return this.#work
  }

  #close(): void {
    this.#work?.file.close()
    this.#work = undefined
  }
}

/** Stores a row that somebody still wants, unless it is there already. */
function preparePut(
  database: Database,
  shape: TableShape,
  judge: ReturnType<SalvageRule['judge']>,
): (values: readonly Value[]) => 'added' | 'known' | 'settled' | 'implausible' {
  const names = shape.columns.map(({ name }) => name)
  const insert = database.prepare(
    `INSERT INTO "${shape.name}" (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')}) ON CONFLICT DO NOTHING`,
  )
  return (values) => {
    const verdict = judge(Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])))
    if (verdict !== 'wanted') return verdict
    return insert.run(values).changes > 0 ? 'added' : 'known'
  }
}

/** See `SalvageState` of the outbox. */
function stateOf(database: Database) {
  const rows = database.prepare('SELECT * FROM salvage ORDER BY file').all() as SalvageRow[]
  return rows.map((row) => ({
    file: row.file,
    reason: row.reason,
    note: row.note,
    pagesDone: Math.min(row.next_page - 1, row.pages),
    pages: row.pages,
    salvaged: row.salvaged,
    unreadable: row.unreadable,
  }))
}
