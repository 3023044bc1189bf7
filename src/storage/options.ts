import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { StateChange } from './health.ts'
import type { FileLoss, ThreadData } from './protocol.ts'

/** How often it is looked whether the database still has its name, and whether there is room for the ballast. */
const WATCH_MS = 15_000

export interface StorageOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Nothing is written, not even the log is settled: for a database whose agent does not run. */
  readonly readOnly?: boolean
  /** Sizes the log and a guard far above it; the limit itself is kept by the outbox. */
  readonly maxSizeBytes?: number
  /** What is to stay free on the disk beside the ballast. */
  readonly minFreeBytes?: number
  readonly watchMs?: number
  readonly onState?: (change: StateChange) => void
  /** A job was refused for a fault of ours: what it held is in no table. Nothing good can come after it. */
  readonly onBug?: (error: Error) => void
  /** The database file was deleted or replaced; it was written anew, with everything. */
  readonly onDatabaseLost?: (loss: FileLoss) => void
}

/** What the thread needs of it; the rest stays on the main thread. */
export function threadData(file: string, options: StorageOptions & { readonly first: boolean }): ThreadData {
  const { first, readOnly = false, maxSizeBytes, minFreeBytes = 0, watchMs = WATCH_MS } = options
  return { file, first, readOnly, minFreeBytes, watchMs, ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }) }
}
