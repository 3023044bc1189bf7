import type { LossReason } from './ledger.ts'

/** So much the store always may use, however full somebody else made the disk: without it nothing could be kept at all. */
const ALWAYS_BYTES = 16 * 1024 * 1024

/** What the database occupies, and what the disk has left. Bytes. */
export interface DiskUse {
  /** Pages in use, with the share of the log. */
  readonly usedBytes: number
  readonly fileBytes: number
  /** Absent: not known. */
  readonly freeBytes?: number
}

export interface SizeLimit {
  readonly bytes: number
  /** Which of the limits it is. */
  readonly reason: Extract<LossReason, 'max_size' | 'min_free_disk'>
}

/**
 * How large the database may be. While the disk has less free than it must, the database does not grow beyond what it had
 * then; it never shrinks because somebody else filled the disk.
 */
export class DiskRoom {
  readonly #maxSizeBytes: number
  readonly #minFreeBytes: number
  /** What the database had when the disk became short. */
  #had: number | undefined

  constructor(limits: { readonly maxSizeBytes: number; readonly minFreeDiskBytes: number }) {
    this.#maxSizeBytes = limits.maxSizeBytes
    this.#minFreeBytes = limits.minFreeDiskBytes
  }

  limit(use: DiskUse): SizeLimit {
    const has = Math.max(use.fileBytes, use.usedBytes)
    const room = (use.freeBytes ?? Number.POSITIVE_INFINITY) - this.#minFreeBytes
    this.#had = room >= 0 ? undefined : (this.#had ?? has)
    const bytes = Math.max(ALWAYS_BYTES, this.#had ?? has + room)
    return bytes < this.#maxSizeBytes
      ? { bytes, reason: 'min_free_disk' }
      : { bytes: this.#maxSizeBytes, reason: 'max_size' }
  }

  /** Has the disk less free than it must? */
  get isShort(): boolean {
    return this.#had !== undefined
  }
}
