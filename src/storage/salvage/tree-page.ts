import { readVarint } from './values.ts'

/** One page of a tree. `table` trees are keyed by rowid, `index` trees hold rows of tables without rowid, and indexes. */
export interface TreePage {
  readonly kind: 'table' | 'index'
  readonly isLeaf: boolean
  /** Where the cells begin that have a plausible place; a torn page may have others. */
  readonly cells: readonly number[]
  /** Every cell has a plausible place. */
  readonly isWhole: boolean
  /** The child behind all cells; 0 in a leaf. */
  readonly right: number
}

const KINDS: Readonly<Record<number, Pick<TreePage, 'kind' | 'isLeaf'>>> = {
  2: { kind: 'index', isLeaf: false },
  5: { kind: 'table', isLeaf: false },
  10: { kind: 'index', isLeaf: true },
  13: { kind: 'table', isLeaf: true },
}
const CELL_BYTES_MIN = 4
/** Page 1 begins with the header of the database. */
const DATABASE_HEADER_BYTES = 100

/** Undefined for what is no page of a tree. */
export function parseTreePage(bytes: Buffer, number: number): TreePage | undefined {
  const begin = number === 1 ? DATABASE_HEADER_BYTES : 0
  const kind = KINDS[bytes[begin] ?? 0]
  if (!kind) return undefined
  const count = bytes.readUInt16BE(begin + 3)
  const pointers = begin + (kind.isLeaf ? 8 : 12)
  const content = pointers + 2 * count
  if (content + count * CELL_BYTES_MIN > bytes.length) return undefined
  const cells: number[] = []
  for (let index = 0; index < count; index += 1) {
    const at = bytes.readUInt16BE(pointers + 2 * index)
    if (at >= content && at <= bytes.length - CELL_BYTES_MIN) cells.push(at)
  }
  const right = kind.isLeaf ? 0 : bytes.readUInt32BE(begin + 8)
  return { ...kind, cells, isWhole: cells.length === count, right }
}

/** Child page and key of a cell of an interior table page. */
export function interiorCell(bytes: Buffer, at: number): { readonly child: number; readonly key: number } {
  return { child: bytes.readUInt32BE(at), key: readVarint(bytes, at + 4)?.value ?? 0 }
}

/** A cell that holds a row: what of it lies on the page, and the page on which it goes on. */
export interface RowCell {
  /** 0 in an index tree. */
  readonly rowid: number
  readonly local: Buffer
  /** Bytes beyond `local`. */
  readonly rest: number
  /** First overflow page; 0: none. */
  readonly overflow: number
}

/** How much of a row lies on its page is fixed by the file format; undefined when the cell does not fit the page. */
export function rowCell(bytes: Buffer, page: TreePage, at: number): RowCell | undefined {
  const size = readVarint(bytes, page.isLeaf ? at : at + 4)
  if (!size) return undefined
  const rowid = page.kind === 'table' ? readVarint(bytes, size.next) : { value: 0, next: size.next }
  if (!rowid) return undefined
  const most = page.kind === 'table' ? bytes.length - 35 : Math.floor(((bytes.length - 12) * 64) / 255) - 23
  const length = localLength(size.value, most, bytes.length)
  const end = rowid.next + length
  const spills = length < size.value
  if (end + (spills ? 4 : 0) > bytes.length) return undefined
  return {
    rowid: rowid.value,
    local: bytes.subarray(rowid.next, end),
    rest: size.value - length,
    overflow: spills ? bytes.readUInt32BE(end) : 0,
  }
}

function localLength(size: number, most: number, pageBytes: number): number {
  if (size <= most) return size
  const least = Math.floor(((pageBytes - 12) * 32) / 255) - 23
  const length = least + ((size - least) % (pageBytes - 4))
  return length <= most ? length : least
}
