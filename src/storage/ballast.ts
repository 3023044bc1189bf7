import { randomFillSync } from 'node:crypto'
import { rmSync, statfsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sizeOf } from './facts.ts'

/** A full disk takes no deletes either, for they are written to the log first: this much is given back for them. */
const BALLAST_BYTES = 4 * 1024 * 1024
/** Written piece by piece: a slow card is never kept busy for long. */
const PIECE_BYTES = 256 * 1024

/**
 * A file beside the database that only takes room. When the disk is full it is deleted, so that the commit that waits and
 * the limits can go on; it is made again when there is plenty of room.
 */
export class Ballast {
  readonly #file: string
  readonly #minFreeBytes: number
  #making: Promise<number> | undefined
  #isStopped = false

  /** `minFreeBytes`: what the configuration wants to stay free beside it. */
  constructor(file: string, options: { readonly minFreeBytes: number }) {
    this.#file = file
    this.#minFreeBytes = options.minFreeBytes
  }

  get bytes(): number {
    return sizeOf(this.#file)
  }

  /** Deletes it. False when there was none, or it cannot be deleted. */
  giveBack(): boolean {
    if (this.bytes === 0) return false
    try {
      rmSync(this.#file)
      return true
    } catch {
      return false
    }
  }

  /** Makes it when there is room for it twice over. Resolves with the bytes written; 0 also when it could not be made. */
  async make(): Promise<number> {
    if (this.#making || this.#isStopped || this.bytes > 0 || !this.#hasRoom()) return 0
    this.#making = this.#write()
    const written = await this.#making
    this.#making = undefined
    return written
  }

  /** Gives up what is being made, and waits for its end. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#making
  }

  async #write(): Promise<number> {
    const partial = `${this.#file}.partial`
    try {
      await this.#writeSynced(partial)
      await rename(partial, this.#file)
      return BALLAST_BYTES
    } catch {
      // The disk took it after all, or the directory cannot be written: it is tried again later.
      await rm(partial, { force: true }).catch(() => {})
      return 0
    }
  }

  /** Not zeros: file systems that compress would keep nothing of them. */
  async #writeSynced(file: string): Promise<void> {
    await using handle = await open(file, 'w', 0o600)
    const piece = Buffer.alloc(PIECE_BYTES)
    for (let written = 0; written < BALLAST_BYTES; written += PIECE_BYTES) {
      if (this.#isStopped) throw new Error('the agent stops')
      await handle.writeFile(randomFillSync(piece))
      await handle.datasync()
    }
  }

  #hasRoom(): boolean {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#file))
      return bavail * bsize >= 2 * BALLAST_BYTES + this.#minFreeBytes
    } catch {
      return false
    }
  }
}
