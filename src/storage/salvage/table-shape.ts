import type { Database } from 'better-sqlite3'
import type { Value } from './values.ts'

interface Column {
  readonly name: string
  readonly type: 'INTEGER' | 'REAL' | 'TEXT'
  readonly isRequired: boolean
}

/** What the rows of a table look like, so that they can be told from rubbish. */
export interface TableShape {
  readonly name: string
  /** Page on which the tree of a freshly made database begins. */
  readonly root: number
  readonly kind: 'table' | 'index'
  readonly columns: readonly Column[]
  /** Index of the column that is the rowid and is stored as NULL; -1: none. */
  readonly rowidColumn: number
  /** Index of the column of each stored value: tables without rowid store their key first. */
  readonly storedAs: readonly number[]
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly notnull: number
  readonly pk: number
}

/** Shapes of all tables of `database`, which must be of the version that is to be read. */
export function tableShapes(database: Database): TableShape[] {
  const tables = database
    .prepare(
      `SELECT l.name AS name, l.wr AS isIndex, s.rootpage AS root FROM pragma_table_list l
       JOIN sqlite_schema s ON s.name = l.name AND s.type = 'table' WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite_%'`,
    )
    .all() as { name: string; isIndex: number; root: number }[]
  const columnsOf = database.prepare('SELECT name, type, "notnull", pk FROM pragma_table_info(?)')
  return tables.map(({ name, isIndex, root }) => {
    const columns = columnsOf.all(name) as ColumnRow[]
    const keys = columns.filter(({ pk }) => pk > 0).sort((left, right) => left.pk - right.pk)
    const rowid = isIndex === 0 && keys.length === 1 && keys[0]?.type === 'INTEGER' ? keys[0] : undefined
    const stored = isIndex === 1 ? [...keys, ...columns.filter(({ pk }) => pk === 0)] : columns
    return {
      name,
      root,
      kind: isIndex === 1 ? 'index' : 'table',
      columns: columns.map((column) => ({
        name: column.name,
        type: column.type as Column['type'],
        isRequired: column.notnull === 1 || column === rowid,
      })),
      rowidColumn: rowid ? columns.indexOf(rowid) : -1,
      storedAs: stored.map((column) => columns.indexOf(column)),
    }
  })
}

/** Stored values as one value per column, in order; undefined when they do not fit the shape. */
export function toRow(shape: TableShape, rowid: number, stored: readonly Value[]): Value[] | undefined {
  if (stored.length !== shape.storedAs.length) return undefined
  const row: Value[] = new Array(stored.length).fill(null)
  for (const [index, column] of shape.storedAs.entries()) row[column] = stored[index] ?? null
  if (shape.rowidColumn >= 0) {
    if (row[shape.rowidColumn] !== null) return undefined
    row[shape.rowidColumn] = rowid
  }
  return shape.columns.every((column, index) => fits(column, row[index] ?? null)) ? row : undefined
}

function fits(column: Column, value: Value): boolean {
  if (value === null) return !column.isRequired
  if (column.type === 'TEXT') return typeof value === 'string'
  return typeof value === 'number' && (column.type === 'REAL' || Number.isInteger(value))
}
