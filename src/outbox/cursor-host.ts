import type { GivenUp } from './given-up.ts'
import type { ReplayHost } from './replay.ts'
import type { TailEntry } from './tail.ts'

/** What the cursor needs of the outbox around it. */
export interface CursorHost extends ReplayHost {
  /** The epoch is on disk, or the disk has failed for so long that the cloud should not wait. */
  mayDeliver(): boolean
  /** Oldest seq that is still in memory; everything below is in the table or gone. */
  tailFirst(): number
  head(): number
  tailEntry(seq: number): TailEntry | undefined
  /** Highest seq that may have a row; 0 when the table is empty. */
  storedThrough(): number
  /** ms since a stamp, as far as it is certain. */
  ageMs(boot: number, mono: number): number
  /** The record has grown too old for everybody: gives it up, unless another uplink is sending it just now. */
  expire(record: GivenUp): boolean
  /** The seq was settled by this uplink; true when its row is (or will be) in the table. */
  settled(by: { wants(target: number): boolean }, seq: number): boolean
  /** So many acknowledgements settled rows that are in the table. */
  storedAcks(count: number): void
  /** Resolves when everything that was settled so far is on disk. */
  commit(): Promise<void>
  /** Given up at a limit: its row may still be there for a moment. */
  isGone(seq: number): boolean
  currentBoot(): number
  mono(): number
}
