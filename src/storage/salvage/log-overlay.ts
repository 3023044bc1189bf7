import { readSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682
const LARGEST_PAGE = 65_536

export interface Log {
  /** 0 when there is no log, or none that counts. */
  readonly pageBytes: number
  /** Page to where its newest committed version begins in the log. */
  readonly frames: ReadonlyMap<number, number>
  /** Size of the database after the last commit in the log; 0 when it holds none. */
  readonly pages: number
}

const NO_LOG: Log = { pageBytes: 0, frames: new Map(), pages: 0 }

/**
 * What of a write-ahead log counts, as SQLite counts it: the salts of the log's header, an unbroken chain of checksums, and
 * a commit frame at the end.
 */
export function readLog(descriptor: number | undefined): Log {
  const header = Buffer.alloc(HEADER_BYTES)
  if (descriptor === undefined || readWhole(descriptor, header, 0) === false) return NO_LOG
  const magic = header.readUInt32BE(0)
  const isBigEndian = magic === MAGIC + 1
  const sum = new LogSum(isBigEndian)
  sum.add(header, 0, 24)
  const pageBytes = header.readUInt32BE(8)
  if ((magic !== MAGIC && !isBigEndian) || pageBytes > LARGEST_PAGE || !sum.is(header, 24)) return NO_LOG
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes)
  const frames = new Map<number, number>()
  let pages = 0
  let waiting: [page: number, at: number][] = []
  for (let at = HEADER_BYTES; readWhole(descriptor, frame, at); at += frame.length) {
    if (header.compare(frame, 8, 16, 16, 24) !== 0) break
    sum.add(frame, 0, 8)
    sum.add(frame, FRAME_HEADER_BYTES, frame.length)
    if (!sum.is(frame, 16)) break
    waiting.push([frame.readUInt32BE(0), at + FRAME_HEADER_BYTES])
    const size = frame.readUInt32BE(4)
    if (size === 0) continue
    pages = size
    for (const [page, content] of waiting) frames.set(page, content)
    waiting = []
  }
  return { pageBytes, frames, pages }
}

function readWhole(descriptor: number, bytes: Buffer, at: number): boolean {
  try {
    return readSync(descriptor, bytes, 0, bytes.length, at) === bytes.length
  } catch {
    // A sector that the card does not give back: the log ends before it.
    return false
  }
}

/** The cumulative checksum of the log: two sums over 32-bit words. */
class LogSum {
  readonly #isBigEndian: boolean
  #first = 0
  #second = 0

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian
  }

  add(bytes: Buffer, from: number, end: number): void {
    let first = this.#first
    let second = this.#second
    for (let at = from; at < end; at += 8) {
      const left = this.#isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)
      const right = this.#isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)
      first = (first + left + second) >>> 0
      second = (second + right + first) >>> 0
    }
    this.#first = first
    this.#second = second
  }

  is(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#first && bytes.readUInt32BE(at + 4) === this.#second
  }
}
