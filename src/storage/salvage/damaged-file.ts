import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { PAGE_BYTES } from '../database.ts'
import { APPLICATION_ID } from '../migrations.ts'
import { type Log, readLog } from './log-overlay.ts'

/** What the pointer map has of a page: one byte for its kind, four for its parent. */
const POINTER_BYTES = 5
/** The page with the lock bytes is never used. */
const LOCK_BYTES_AT = 0x40000000
const MAGIC = 'SQLite format 3\0'
const HEADER_BYTES = 100
const PAGE_SIZE_AT = 16
const OWNER_AT = 68
/** Not zero in databases that have a pointer map, as every new one of ours. */
const LARGEST_ROOT_AT = 52

const POINTER_KINDS = ['unknown', 'root', 'free', 'overflow_first', 'overflow_next', 'tree'] as const

/** What the pointer map says of a page; `parent` is 0 for roots and free pages. */
export interface Pointer {
  readonly kind: (typeof POINTER_KINDS)[number]
  readonly parent: number
}

const UNKNOWN: Pointer = { kind: 'unknown', parent: 0 }

/**
 * A database that was set aside, read page by page without SQLite: nothing of it is believed but what is looked at, and
 * nothing is ever written to it. Pages come as of the last commit, from the write-ahead log where that is newer.
 */
export class DamagedFile {
  readonly pageBytes: number
  readonly pages: number
  /** The first 100 bytes at least; undefined when they are destroyed. */
  readonly header: Buffer | undefined
  readonly #database: number
  readonly #logFile: number | undefined
  readonly #log: Log
  readonly #hasPointerMap: boolean
  #mapPage: { readonly number: number; readonly bytes: Buffer | undefined } = { number: 0, bytes: undefined }

  /** Throws ENOENT when there is no such file. */
  constructor(file: string) {
    this.#database = openSync(file, 'r')
    this.#logFile = openLog(`${file}-wal`)
    this.#log = readLog(this.#logFile)
    this.header = readHeader(this.#database)
    this.pageBytes = pageBytesOf(this.header) ?? (this.#log.pageBytes || PAGE_BYTES)
    // A database that became smaller with the last commit keeps its length until the log is written back.
    this.pages = this.#log.pages || Math.ceil(fstatSync(this.#database).size / this.pageBytes)
    if (this.#log.frames.has(1)) this.header = this.page(1)
    this.#hasPointerMap = this.header ? this.header.readUInt32BE(LARGEST_ROOT_AT) !== 0 : true
  }

  close(): void {
    closeSync(this.#database)
    if (this.#logFile !== undefined) closeSync(this.#logFile)
  }

  /** The newest committed content; undefined when there is no such page or it cannot be read. */
  page(number: number): Buffer | undefined {
    if (number < 1 || number > this.pages) return undefined
    const bytes = Buffer.allocUnsafe(this.pageBytes)
    const frame = this.#log.frames.get(number)
    try {
      const length =
        frame !== undefined && this.#logFile !== undefined
          ? readSync(this.#logFile, bytes, 0, bytes.length, frame)
          : readSync(this.#database, bytes, 0, bytes.length, (number - 1) * bytes.length)
      return length === bytes.length ? bytes : undefined
    } catch {
      // A sector that the card does not give back: as good as a destroyed page.
      return undefined
    }
  }

  /** Pages that belong to no tree: the pointer map itself and the page of the lock bytes. */
  isNoTreePage(number: number): boolean {
    return number === this.#lockPage || (this.#hasPointerMap && number > 1 && number === this.#mapPageOf(number))
  }

  /** What the pointer map says of a page; `unknown` where it is destroyed or the database has none. */
  pointer(number: number): Pointer {
    const mapPage = this.#mapPageOf(number)
    if (!this.#hasPointerMap || number <= 1 || this.isNoTreePage(number) || number > this.pages) return UNKNOWN
    if (this.#mapPage.number !== mapPage) this.#mapPage = { number: mapPage, bytes: this.page(mapPage) }
    const { bytes } = this.#mapPage
    const at = (number - mapPage - 1) * POINTER_BYTES
    if (!bytes) return UNKNOWN
    const kind = POINTER_KINDS[bytes[at] ?? 0] ?? 'unknown'
    const parent = bytes.readUInt32BE(at + 1)
    const hasParent = kind !== 'root' && kind !== 'free'
    if (kind === 'unknown' || (hasParent ? parent < 1 || parent > this.pages : parent !== 0)) return UNKNOWN
    return { kind, parent }
  }

  #mapPageOf(number: number): number {
    const group = Math.floor(this.pageBytes / POINTER_BYTES) + 1
    const page = Math.floor((number - 2) / group) * group + 2
    return page === this.#lockPage ? page + 1 : page
  }

  get #lockPage(): number {
    return LOCK_BYTES_AT / this.pageBytes + 1
  }
}

/** A log that cannot be opened is as good as none: what the file itself holds is still there. */
function openLog(file: string): number | undefined {
  try {
    return openSync(file, 'r')
  } catch {
    return undefined
  }
}

/** Page 1, or as much of it as tells what the file is; undefined when that is destroyed. */
function readHeader(database: number): Buffer | undefined {
  const header = Buffer.alloc(HEADER_BYTES)
  try {
    readSync(database, header, 0, HEADER_BYTES, 0)
  } catch {
    return undefined
  }
  return isOurs(header) ? header : undefined
}

/** Its name at the beginning and our id near the end: what lies between is believed. */
function isOurs(header: Buffer): boolean {
  return header.toString('latin1', 0, MAGIC.length) === MAGIC && header.readUInt32BE(OWNER_AT) === APPLICATION_ID
}

function pageBytesOf(header: Buffer | undefined): number | undefined {
  const bytes = header?.readUInt16BE(PAGE_SIZE_AT) ?? 0
  const isSize = bytes >= 512 && (bytes & (bytes - 1)) === 0
  return isSize ? bytes : undefined
}
