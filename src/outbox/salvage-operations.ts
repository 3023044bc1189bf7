import type { Operation } from '../storage/operation.ts'
import type { Boot } from './boots.ts'
import type { Epoch } from './epochs.ts'
import type { CommitArgs } from './operations.ts'

/** A damaged database whose rows are being taken out. */
export interface SalvageState {
  /** Its name in the state directory. */
  readonly file: string
  /** What was found wrong. */
  readonly reason: string
  /** A SalvageNote as JSON. */
  readonly note: string
  readonly pagesDone: number
  readonly pages: number
  /** Records brought back so far. */
  readonly salvaged: number
  /** Rows that were found and are not whole, or cannot be ours. */
  readonly unreadable: number
}

/** Kept with the salvage. */
export interface SalvageNote {
  /** Numbers up to this one may have been issued; new ones begin above it. */
  readonly through: number
  /** The highest number of which something was readable. */
  readonly known: number
  /** Rows of other boots are not ours. */
  readonly bootsKnown: boolean
  /** Every uplink's position was readable. Otherwise one that has none begins with the oldest record. */
  readonly positionsKnown: boolean
  /** Numbers of the uplinks whose positions were readable: of the others nobody can tell what they lost. */
  readonly uplinks: readonly number[]
}

export function salvagesQuestion(): Operation<readonly SalvageState[]> {
  return { op: 'storage.salvages', args: {} }
}

/** Takes rows out for `sliceMs`; answers how far all salvages are. */
export function salvageOperation(args: { readonly sliceMs: number }): Operation<readonly SalvageState[]> {
  return { op: 'storage.salvage', args }
}

/** These salvages are over. */
export function salvagedOperation(files: readonly string[]): Operation<void> {
  return { op: 'storage.salvaged', args: { files } }
}

/** Everything the main thread knows, for a new database in the place of a damaged one. Idempotent. */
export interface RestoreArgs {
  readonly epochs: readonly (Epoch & { readonly through: number })[]
  readonly boots: readonly Readonly<Boot>[]
  /** Uplinks, positions, books and open losses. */
  readonly commit: CommitArgs
  /** The newest number issued. */
  readonly head: number
}

export function restoreOperation(args: RestoreArgs): Operation<void> {
  return { op: 'outbox.restore', args }
}

export interface WalkArgs {
  readonly after: number
  readonly sliceMs: number
}

/** Reads rows behind `after` with all their pages for `sliceMs`; the last one read, or undefined at the end. */
export function walkQuestion(args: WalkArgs): Operation<number | undefined> {
  return { op: 'outbox.walk', args }
}

/** The highest row at or below `through`; 0: none. */
export function lastRowQuestion(through: number): Operation<number> {
  return { op: 'outbox.last_row', args: { through } }
}
