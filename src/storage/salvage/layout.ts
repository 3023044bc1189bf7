import type { DamagedFile } from './damaged-file.ts'
import { rowsOf } from './rows.ts'
import type { TableShape } from './table-shape.ts'
import { TreeWalk } from './tree.ts'
import type { Value } from './values.ts'

const VERSION_AT = 60

/** `user_version` of the damaged database; undefined when its header is destroyed. */
export function versionOf(file: DamagedFile): number | undefined {
  return file.header?.readUInt32BE(VERSION_AT) || undefined
}

const TEXT = { type: 'TEXT', isRequired: true } as const

const SCHEMA: TableShape = {
  name: 'sqlite_schema',
  root: 1,
  kind: 'table',
  columns: [
    { name: 'type', ...TEXT },
    { name: 'name', ...TEXT },
    { name: 'tbl_name', ...TEXT },
    { name: 'rootpage', type: 'INTEGER', isRequired: true },
    { name: 'sql', type: 'TEXT', isRequired: false },
  ],
  rowidColumn: -1,
  storedAs: [0, 1, 2, 3, 4],
}

/**
 * Where the tables of a damaged database begin: as its schema says, or where the same steps put them in a fresh database
 * (`fresh`) when page 1 is destroyed.
 */
export function locateTables(file: DamagedFile, fresh: readonly TableShape[]): TableShape[] {
  const said = new Map<Value, Value>()
  for (const content of new TreeWalk(file, 'table').pages(1)) {
    for (const [type, name, , root] of rowsOf(file, { ...content, shape: SCHEMA }).rows) {
      if (type === 'table') said.set(name ?? null, root ?? null)
    }
  }
  return fresh.map((shape) => {
    const root = said.get(shape.name)
    return typeof root === 'number' && root > 1 && root <= file.pages ? { ...shape, root } : shape
  })
}
