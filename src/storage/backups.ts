import { GatewayError } from '../errors.ts'
import { hintFor } from './failure.ts'
import type { BackupProgress, Failure } from './protocol.ts'

interface Backup {
  readonly file: string
  readonly onProgress: ((progress: BackupProgress) => void) | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Backups that the thread is writing, as the main thread knows them. */
export class Backups {
  readonly #all = new Map<number, Backup>()

  begin(id: number, options: Pick<Backup, 'file' | 'onProgress'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#all.set(id, { ...options, resolve, reject })
    })
  }

  progress(id: number, progress: BackupProgress): void {
    this.#all.get(id)?.onProgress?.(progress)
  }

  ended(id: number, failure?: Failure): void {
    const backup = this.#all.get(id)
    if (!backup) return
    this.#all.delete(id)
    if (!failure) {
      backup.resolve()
      return
    }
    const hint = hintFor(failure.code)
    const message = `cannot write the backup ${backup.file}: ${failure.message}`
    backup.reject(new GatewayError('runtime', message, hint ? { hint } : {}))
  }

  /** The thread is gone. */
  allFailed(failure: Failure): void {
    for (const id of [...this.#all.keys()]) this.ended(id, failure)
  }
}
