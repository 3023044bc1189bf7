import type { DamagedFile } from './damaged-file.ts'
import { type TableShape, toRow } from './table-shape.ts'
import { type RowCell, rowCell, type TreePage } from './tree-page.ts'
import { decodeValues, type Value } from './values.ts'

/** A longer row is none of ours. */
const ROW_BYTES_MAX = 16 * 1024 * 1024

export interface PageRows {
  readonly rows: readonly Value[][]
  /** Cells that hold no row of this shape, or not all of it. */
  readonly unreadable: number
}

/** The rows of one page, as far as they fit the shape. */
export function rowsOf(file: DamagedFile, content: { bytes: Buffer; page: TreePage; shape: TableShape }): PageRows {
  const { bytes, page, shape } = content
  const rows: Value[][] = []
  for (const at of page.cells) {
    const cell = rowCell(bytes, page, at)
    const payload = cell && wholePayload(file, cell)
    const stored = payload && decodeValues(payload)
    const row = stored && toRow(shape, cell.rowid, stored)
    if (row) rows.push(row)
  }
  return { rows, unreadable: page.cells.length - rows.length }
}

function wholePayload(file: DamagedFile, cell: RowCell): Buffer | undefined {
  if (cell.rest === 0) return cell.local
  if (cell.local.length + cell.rest > ROW_BYTES_MAX) return undefined
  const parts = [cell.local]
  let next = cell.overflow
  for (let rest = cell.rest; rest > 0; rest -= file.pageBytes - 4) {
    const bytes = file.page(next)
    if (!bytes) return undefined
    parts.push(bytes.subarray(4, 4 + Math.min(rest, file.pageBytes - 4)))
    next = bytes.readUInt32BE(0)
  }
  // The last page of a row names no other: a chain that goes on is not the one that was written.
  return next === 0 ? Buffer.concat(parts) : undefined
}
