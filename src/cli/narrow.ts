import { cut, displayWidth, table } from './table.ts'
import { SCREEN_COLUMNS, wrapped } from './wrapped.ts'

/** A column is not cut below this, or nobody would know what it was. */
const NARROWEST = 6

/**
 * A table that fits on a screen: when it is too wide, the columns named are cut, one after the other, as far as need be.
 */
export function narrowTable(rows: readonly (readonly string[])[], cuttable: readonly number[]): string[] {
  let cells = rows
  let lines = table(cells)
  for (const column of cuttable) {
    const excess = widest(lines) - SCREEN_COLUMNS
    if (excess <= 0) break
    const width = Math.max(NARROWEST, widest(cells.map((row) => row[column] ?? '')) - excess)
    cells = cells.map((row) => row.map((cell, index) => (index === column ? cut(cell, width) : cell)))
    lines = table(cells)
  }
  return lines
}

/** A table whose last column is wrapped below its own beginning. All rows have the same number of cells. */
export function wrappedTable(
  rows: readonly (readonly string[])[],
  options: { readonly right?: readonly number[] } = {},
): string[] {
  const mark = '|'
  const heads = table(
    rows.map((cells) => [...cells.slice(0, -1), mark]),
    options,
  ).map((head) => head.slice(0, -mark.length))
  return heads.flatMap((head, index) => {
    const text = rows[index]?.at(-1) ?? ''
    return wrapped(`${head}${text}`.trimEnd(), ' '.repeat(displayWidth(head)))
  })
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(displayWidth))
}
