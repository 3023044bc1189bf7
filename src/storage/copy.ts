import { fstatSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { BackupProgress } from './protocol.ts'

/** Read at a time, in the storage thread: a slow card takes some 20 ms for it. */
const PIECE_BYTES = 256 * 1024
/** Synced at a time, beside the storage thread. */
const SYNC_BYTES = 4 * PIECE_BYTES

/**
 * Copies an open file, piece by piece, so that commits go on in between, and syncs the copy. `isSame` says after each pause
 * whether the file may still be read; when not, the copy is given up with CopyOvertakenError. `target` must not be there yet,
 * not even as a link (EEXIST).
 */
export async function copyOpenFile(
  descriptor: number,
  target: string,
  options: {
    readonly isSame: () => boolean
    readonly onProgress?: ((progress: BackupProgress) => void) | undefined
    /** File mode of the copy. */
    readonly mode: number
  },
): Promise<void> {
  const totalBytes = fstatSync(descriptor).size
  const buffer = Buffer.alloc(PIECE_BYTES)
  await using handle = await open(target, 'wx', options.mode)
  for (let doneBytes = 0; doneBytes < totalBytes; ) {
    if (!options.isSame()) throw new CopyOvertakenError('the storage had to be opened anew meanwhile; try again')
    const wanted = Math.min(PIECE_BYTES, totalBytes - doneBytes)
    const length = readSync(descriptor, buffer, 0, wanted, doneBytes)
    if (length === 0) throw new CopyOvertakenError('the database became shorter meanwhile; try again')
    await handle.writeFile(buffer.subarray(0, length))
    doneBytes += length
    if (doneBytes % SYNC_BYTES === 0) await handle.datasync()
    options.onProgress?.({ doneBytes, totalBytes })
  }
  await handle.sync()
  if (!options.isSame()) throw new CopyOvertakenError('the storage had to be opened anew meanwhile; try again')
}

class CopyOvertakenError extends Error {
  readonly code = 'overtaken'
}

/** Makes names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r')
  await handle.sync()
}
