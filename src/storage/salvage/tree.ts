import type { DamagedFile } from './damaged-file.ts'
import { interiorCell, parseTreePage, type TreePage } from './tree-page.ts'

/** Trees of ours are three or four levels deep; a longer way up or down is a circle. */
const DEPTH_MAX = 20

export interface VisitedPage {
  readonly number: number
  readonly bytes: Buffer
  readonly page: TreePage
}

/** A way down from a root over all pages that can be read. */
export class TreeWalk {
  readonly #file: DamagedFile
  readonly #kind: TreePage['kind']
  readonly #seen = new Set<number>()
  /** Every page named by another was found and whole. */
  isComplete = true

  constructor(file: DamagedFile, kind: TreePage['kind']) {
    this.#file = file
    this.#kind = kind
  }

  /** Pages that hold rows: leaves, and the inner pages of an index tree. */
  *pages(number: number, depth = 0): Generator<VisitedPage> {
    const bytes = this.#seen.has(number) || depth > DEPTH_MAX ? undefined : this.#file.page(number)
    const page = bytes && parseTreePage(bytes, number)
    if (!bytes || page?.kind !== this.#kind) {
      this.isComplete = false
      return
    }
    this.#seen.add(number)
    if (!page.isWhole) this.isComplete = false
    if (page.isLeaf || page.kind === 'index') yield { number, bytes, page }
    for (const child of childrenOf(bytes, page)) yield* this.pages(child, depth + 1)
  }

  has(number: number): boolean {
    return this.#seen.has(number)
  }
}

/** Pages below an inner page, from left to right. */
export function childrenOf(bytes: Buffer, page: TreePage): number[] {
  if (page.isLeaf) return []
  return [...page.cells.map((at) => interiorCell(bytes, at).child), page.right]
}

/** To which root each page belongs, by the pointer map; remembers the inner pages it came along. */
export class Roots {
  readonly #file: DamagedFile
  readonly #known = new Map<number, number>()

  constructor(file: DamagedFile) {
    this.#file = file
  }

  /** 0 for a page that belongs to no tree (free, overflow); undefined when that is not known. */
  of(number: number, depth = 0): number | undefined {
    const { kind, parent } = this.#file.pointer(number)
    if (kind === 'root') return number
    if (kind === 'unknown' || depth > DEPTH_MAX) return undefined
    if (kind !== 'tree') return 0
    if (parent === 1) return 1
    let root = this.#known.get(parent)
    if (root !== undefined) return root
    root = this.of(parent, depth + 1)
    if (root) this.#known.set(parent, root)
    return root
  }
}
