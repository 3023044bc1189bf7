import type { CommandState, Reply } from '../model.ts'
import type { CommandValue } from './value.ts'

/** States that end a command; its outcome has been recorded in the same transaction. */
export type FinalState = Exclude<CommandState, 'waiting' | 'applying'>

/** A moment of one boot, with what the wall clock said if it was known. */
export interface Stamp {
  readonly boot: string
  /** CLOCK_MONOTONIC in ms. */
  readonly mono: number
  /** Unix ms; absent while the clock was not known. */
  readonly wall?: number
}

/** Until when a command may be applied. At least one of `mono` and `wall` is there. */
export interface Deadline {
  readonly arrived: Stamp
  /** Limit in CLOCK_MONOTONIC ms of the boot of arrival; absent when the sender gave a wall time that nobody could read. */
  readonly mono?: number
  /**
   * Limit in Unix ms. When the clock was known at arrival it says the same as `mono`, and serves after a restart of the
   * machine; else it is the sender's own and a limit beside `mono`.
   */
  readonly wall?: number
  /** How long it is held, in powered time, while only an unknown wall clock could judge it. */
  readonly holdMs: number
}

/** One command of one key. Immutable: every step makes a new one. */
export interface Command {
  readonly key: string
  readonly id: string
  /** The uplink it came from, which gets the outcome. */
  readonly uplink: string
  /** Where its sender wants the outcome. */
  readonly reply?: Reply
  /** Order of arrival over all keys. */
  readonly arrival: number
  /** Absent when the command takes none, and when it was refused because none could be made out or it is too long to keep. */
  readonly value?: CommandValue
  readonly version?: number
  readonly state: CommandState
  readonly deadline: Deadline
  readonly redelivery?: string
  /** Attempts begun. */
  readonly attempts: number
  /** Attempts that the agent did not survive. */
  readonly crashes: number
  /** An attempt may have reached the device although no reply came. */
  readonly doubt: boolean
  readonly reason?: string
  /** Of one in an attempt: what came after it, so that no further attempt follows. */
  readonly supersededBy?: string
  /** What the point held after the write, where that is not the very value. */
  readonly readBack?: CommandValue
  readonly finished?: Stamp
}

/** The highest version a key has seen, and which command brought it. Kept for ever. */
export interface Highest {
  readonly version: number
  readonly id: string
}

export function isFinal(state: CommandState): state is FinalState {
  return state !== 'waiting' && state !== 'applying'
}

/** Also of commands that are not believed yet: their time of issue could not be judged. */
export function highestOf(live: Iterable<Command>, known: Highest | undefined): Highest | undefined {
  let highest = known
  for (const { id, version } of live) {
    if (version !== undefined && version > (highest?.version ?? -Infinity)) highest = { version, id }
  }
  return highest
}

/** Why it was not done earlier, or was half done, is the better half of why it ended. */
export function withLast(reason: string, command: Command): string {
  return command.reason === undefined ? reason : `${reason}; last attempt: ${command.reason}`
}
