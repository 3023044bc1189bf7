import { readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from 'better-sqlite3'
import { PAGE_BYTES, walPages } from './database.ts'
import type { DiskFacts } from './protocol.ts'

/** Asking the file system is not free on a network or a tired card. */
const FREE_EVERY_MS = 1000

/** Collects what a commit tells about the disk. Runs in the storage thread: the kernel counts what each thread writes. */
export class FactsMeter {
  readonly #file: string
  readonly #logBytes: number
  readonly #ballast: { readonly bytes: number }
  #freeBytes: number | undefined
  #freeAt = Number.NEGATIVE_INFINITY
  /** Written by other threads on our behalf. */
  #elsewhereBytes = 0

  constructor(
    file: string,
    options: { readonly maxSizeBytes: number | undefined; readonly ballast: { readonly bytes: number } },
  ) {
    this.#file = file
    this.#logBytes = walPages(options.maxSizeBytes) * PAGE_BYTES
    this.#ballast = options.ballast
  }

  writtenElsewhere(bytes: number): void {
    this.#elsewhereBytes += bytes
  }

  /** Bytes of the log's file, which does not shrink when it is written back. */
  get logBytes(): number {
    return sizeOf(`${this.#file}-wal`)
  }

  /** The largest size at which the log is left alone. */
  get logBytesMax(): number {
    return 2 * this.#logBytes
  }

  of(database: Database): DiskFacts {
    const pages = Number(database.pragma('page_count', { simple: true }))
    const free = Number(database.pragma('freelist_count', { simple: true }))
    const freeBytes = this.#free()
    const writtenBytes = bytesWrittenByThread()
    return {
      usedBytes: (pages - free) * PAGE_BYTES + this.#countedLogBytes(),
      fileBytes: pages * PAGE_BYTES,
      ...(freeBytes === undefined ? {} : { freeBytes }),
      ...(writtenBytes === undefined ? {} : { writtenBytes: writtenBytes + this.#elsewhereBytes }),
      ballastBytes: this.#ballast.bytes,
    }
  }

  /**
   * While the database is copied the log cannot be cut. Giving records up makes it only longer, so that limits which
   * counted all of it would give up the whole backlog.
   */
  #countedLogBytes(): number {
    return Math.min(this.logBytesMax, Math.max(this.#logBytes, this.logBytes))
  }

  #free(): number | undefined {
    const now = performance.now()
    if (now - this.#freeAt < FREE_EVERY_MS) return this.#freeBytes
    this.#freeAt = now
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#file))
      this.#freeBytes = bavail * bsize
    } catch {
      this.#freeBytes = undefined
    }
    return this.#freeBytes
  }
}

/** 0 also for a file that a failing disk does not show: what is durable must not depend on a number. */
export function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}

function bytesWrittenByThread(): number | undefined {
  try {
    const text = readFileSync('/proc/thread-self/io', 'latin1')
    const written = /^write_bytes: (\d+)$/m.exec(text)?.[1]
    const cancelled = /^cancelled_write_bytes: (\d+)$/m.exec(text)?.[1]
    return written === undefined ? undefined : Number(written) - Number(cancelled ?? 0)
  } catch {
    return undefined
  }
}
