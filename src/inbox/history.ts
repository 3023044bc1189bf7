/** What can be asked about commands, of the storage thread as plain data. */
import type { CommandState } from '../model.ts'
import type { Operation } from '../storage/operation.ts'
import type { Highest } from './command.ts'
import type { CommandRow } from './operations.ts'

/** Rows one read looks at, so that it stays short however long the history is. */
export const LOOK_MAX = 4_000

export interface PageArgs {
  /** Only arrivals below this. */
  readonly before: number
  readonly key: string | null
  /** JSON list of states; null: any. */
  readonly states: string | null
  /** What came in this boot and earlier than `sinceMono`, or at a known time before `sinceWall`, is left out. */
  readonly boot: string
  readonly sinceMono: number | null
  readonly sinceWall: number | null
  readonly limit: number
}

export interface PageRows {
  /** The newest first. */
  readonly rows: readonly CommandRow[]
  /** Everything from this arrival on was looked at; null: everything. */
  readonly examined: number | null
}

export function pageQuestion(args: PageArgs): Operation<PageRows> {
  return { op: 'inbox.page', args }
}

/** Commands under way, in order of arrival. */
export function liveQuestion(limit: number): Operation<readonly CommandRow[]> {
  return { op: 'inbox.live', args: { limit } }
}

/** Commands with this id, of one key or of all. */
export function byIdQuestion(id: string, key: string | undefined): Operation<readonly CommandRow[]> {
  return { op: 'inbox.byId', args: { id, key: key ?? null } }
}

export interface Tally {
  readonly counts: readonly { readonly key: string; readonly state: CommandState; readonly commands: number }[]
  /** Count on with this as `before`; null: that was all. */
  readonly next: number | null
}

/** Counts commands that arrived before a number, by key and state. */
export function tallyQuestion(before: number): Operation<Tally> {
  return { op: 'inbox.tally', args: { before } }
}

export function highestQuestion(): Operation<readonly ({ readonly key: string } & Highest)[]> {
  return { op: 'inbox.highest', args: {} }
}

/** Forgets the highest version of a key. Answers how many it forgot: 1 or 0. */
export function resetOperation(key: string): Operation<number> {
  return { op: 'inbox.reset', args: { key } }
}
