import type { DamagedFile } from './damaged-file.ts'
import { rowsOf } from './rows.ts'
import type { TableShape } from './table-shape.ts'
import { Roots, TreeWalk, type VisitedPage } from './tree.ts'
import { parseTreePage } from './tree-page.ts'
import type { Value } from './values.ts'

export interface TableContent {
  readonly rows: readonly Value[][]
  /** Nothing of the table is missing. */
  readonly isComplete: boolean
}

/**
 * Rows of the small tables: down from each root, and from pages that lost the way to their root, as far as the pointer map
 * still says whose they are. A table gives up at `rowsMax` rows (the newest in key order are kept).
 */
export function readSmallTables(
  file: DamagedFile,
  shapes: readonly TableShape[],
  rowsMax: number,
): Map<string, TableContent> {
  const found = new Map<string, TableContent>()
  const broken = new Map<number, { shape: TableShape; walk: TreeWalk }>()
  for (const shape of shapes) {
    const walk = new TreeWalk(file, shape.kind)
    const content = contentOf(file, { shape, pages: walk.pages(shape.root), rowsMax })
    const isComplete = walk.isComplete && content.isComplete
    found.set(shape.name, { rows: content.rows, isComplete })
    if (!isComplete) broken.set(shape.root, { shape, walk })
  }
  if (broken.size === 0) return found
  for (const [root, pages] of strayPages(file, broken)) {
    const shape = broken.get(root)?.shape
    const known = shape && found.get(shape.name)
    if (!known) continue
    const more = contentOf(file, { shape, pages, rowsMax })
    found.set(shape.name, { rows: [...known.rows, ...more.rows].slice(-rowsMax), isComplete: false })
  }
  return found
}

function contentOf(
  file: DamagedFile,
  from: { readonly shape: TableShape; readonly pages: Iterable<VisitedPage>; readonly rowsMax: number },
): TableContent {
  let rows: Value[][] = []
  let isComplete = true
  for (const content of from.pages) {
    const { rows: more, unreadable } = rowsOf(file, { ...content, shape: from.shape })
    if (unreadable > 0) isComplete = false
    rows.push(...more)
    if (rows.length > 2 * from.rowsMax) rows = rows.slice(-from.rowsMax)
  }
  return { rows: rows.slice(-from.rowsMax), isComplete }
}

/** Pages of broken trees that no walk came to. */
function strayPages(
  file: DamagedFile,
  broken: ReadonlyMap<number, { readonly shape: TableShape; readonly walk: TreeWalk }>,
): Map<number, VisitedPage[]> {
  const roots = new Roots(file)
  const stray = new Map<number, VisitedPage[]>()
  for (let number = 2; number <= file.pages; number += 1) {
    if (file.isNoTreePage(number)) continue
    const root = roots.of(number)
    const tree = root ? broken.get(root) : undefined
    if (!root || !tree || tree.walk.has(number)) continue
    const bytes = file.page(number)
    const page = bytes && parseTreePage(bytes, number)
    if (!bytes || page?.kind !== tree.shape.kind || (!page.isLeaf && page.kind === 'table')) continue
    stray.set(root, [...(stray.get(root) ?? []), { number, bytes, page }])
  }
  return stray
}
