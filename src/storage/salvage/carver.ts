import type { DamagedFile } from './damaged-file.ts'
import { type PageRows, rowsOf } from './rows.ts'
import type { TableShape } from './table-shape.ts'
import { childrenOf, Roots } from './tree.ts'
import { interiorCell, parseTreePage, rowCell } from './tree-page.ts'

const NO_ROWS: PageRows = { rows: [], unreadable: 0 }

/**
 * Takes the rows of one large table out of a damaged database, page by page of the file, so that a destroyed root or inner
 * page costs nothing. First `survey` until it is finished, then `rowsOn` page by page.
 *
 * A page counts as live when the tree leads to it, or when the pointer map says that it belongs to the table: what a card
 * did not write (an old inner page, an old page of the map) then costs nothing either. Where neither can tell, the shape
 * of the rows decides.
 */
export class Carver {
  readonly #file: DamagedFile
  readonly #shape: TableShape
  readonly #roots: Roots
  readonly #inTree: Uint8Array
  readonly #survey: Iterator<void>
  /** The tree could be followed to every leaf. */
  #isTreeWhole = true

  constructor(file: DamagedFile, shape: TableShape) {
    this.#file = file
    this.#shape = shape
    this.#roots = new Roots(file)
    this.#inTree = new Uint8Array(Math.ceil((file.pages + 1) / 8))
    this.#survey = this.#markTree()
  }

  /** Reads one more inner page of the tree; true when all were read. */
  survey(): boolean {
    return this.#survey.next().done === true
  }

  /** The rows of one page; none when it does not belong to the table. */
  rowsOn(number: number): PageRows {
    if (this.#file.isNoTreePage(number) || !this.#isLive(number)) return NO_ROWS
    const bytes = this.#file.page(number)
    const page = bytes && parseTreePage(bytes, number)
    if (!bytes || page?.kind !== 'table' || !page.isLeaf) return NO_ROWS
    return rowsOf(this.#file, { bytes, page, shape: this.#shape })
  }

  #isLive(number: number): boolean {
    if (((this.#inTree[number >> 3] ?? 0) & (1 << (number & 7))) !== 0) return true
    const root = this.#roots.of(number)
    return root === undefined ? !this.#isTreeWhole : root === this.#shape.root
  }

  /** Marks every leaf the tree leads to, without reading the leaves: all of a tree are equally deep. */
  *#markTree(): Generator<void, void> {
    const inner = new Set<number>([this.#shape.root])
    this.#mark(this.#shape.root)
    for (const number of inner) {
      yield
      const bytes = this.#file.page(number)
      const page = bytes && parseTreePage(bytes, number)
      if (!bytes || page?.kind !== 'table' || !page.isWhole) this.#isTreeWhole = false
      if (!bytes || page?.kind !== 'table' || page.isLeaf) continue
      const children = childrenOf(bytes, page)
      if (this.#areLeaves(children)) for (const child of children) this.#mark(child)
      else for (const child of children) inner.add(child)
    }
  }

  #areLeaves(children: readonly number[]): boolean {
    for (const child of children) {
      const bytes = this.#file.page(child)
      const page = bytes && parseTreePage(bytes, child)
      if (page?.kind === 'table') return page.isLeaf
    }
    return false
  }

  #mark(number: number): void {
    const index = number >> 3
    if (number <= this.#file.pages) this.#inTree[index] = (this.#inTree[index] ?? 0) | (1 << (number & 7))
  }
}

export interface LastKey {
  /** The highest key that was found. */
  readonly key: number
  /** No higher one can have been there. */
  readonly isCertain: boolean
}

/** The highest rowid of a table, by the right edge of its tree. */
export function lastKeyOf(file: DamagedFile, root: number): LastKey {
  let key = 0
  let number = root
  for (let depth = 0; depth < 20; depth += 1) {
    const bytes = file.page(number)
    const page = bytes && parseTreePage(bytes, number)
    if (!bytes || page?.kind !== 'table') return { key, isCertain: false }
    if (!page.isLeaf) for (const at of page.cells) key = Math.max(key, interiorCell(bytes, at).key)
    else {
      for (const at of page.cells) key = Math.max(key, rowCell(bytes, page, at)?.rowid ?? 0)
      return { key, isCertain: page.isWhole }
    }
    number = page.right
  }
  return { key, isCertain: false }
}
