/**
 * PUBLIC: what the agent's socket answers below `/api/v1/inbox`, and what the commands `tidegate inbox ...` print with
 * `--json`. Times are Unix ms, durations and ages ms. Names are stable; fields are only added.
 */
import type { CommandState } from './model.ts'

/** GET /api/v1/inbox */
export interface InboxReport {
  /** False: read from the file, as the agent left it. */
  readonly running: boolean
  /** Those of the configuration in its order, then those of which something is kept. */
  readonly keys: readonly InboxKey[]
  /** Commands under way: waiting or applying. */
  readonly live: number
  /** The first of them, in order of arrival; the rest by a list. */
  readonly next: readonly ListedCommand[]
  /** Finished commands that are still known. */
  readonly kept: number
  /** Counted since the start of the agent; absent without one. */
  readonly counts?: InboxCounts
}

export interface InboxCounts {
  readonly received: number
  /** Repeats of a known command: answered with its outcome or just confirmed, never run. */
  readonly duplicates: number
  /** Retained messages that were confirmed and not looked at. */
  readonly retainedIgnored: number
  /** Writes made again after a lost reply or a crash (repeatable commands only). */
  readonly repeatedWrites: number
}

export interface InboxKey {
  readonly key: string
  /** What it does, in a few words; absent: it is not in the configuration, or there is no agent. */
  readonly does?: string
  readonly mode?: 'last_value' | 'queue'
  /** How many of its commands that are known are in each state. */
  readonly states: Readonly<Partial<Record<CommandState, number>>>
  /** The highest version it has seen, and the command that brought it. */
  readonly highest?: { readonly version: number; readonly id: string }
}

/** Which commands. */
export interface CommandQuery {
  readonly key?: string
  /** Only those in one of these states. Absent or empty: in any. */
  readonly states?: readonly CommandState[]
  /** Only what came since: an ISO time, or an age such as `2h`. What came at a time that is not known is listed too. */
  readonly since?: string
  /** Only what arrived before this number. */
  readonly before?: number
  /** Commands in the answer at most; 1,000 are the most there are. */
  readonly limit?: number
}

/** GET /api/v1/inbox/commands */
export interface CommandPage {
  /** The newest first. */
  readonly commands: readonly ListedCommand[]
  /** There are more: ask for them with this as `before`. */
  readonly next?: number
}

/** A command, where it stands and what became of it. */
export interface ListedCommand {
  readonly key: string
  readonly id: string
  /** Its number, in order of arrival over all keys. */
  readonly arrival: number
  /** The uplink it came from. */
  readonly uplink: string
  /** The topic on which its sender wants the answer; absent: where answers go. */
  readonly replyTo?: string
  readonly state: CommandState
  /** JSON text, so that 64-bit integers keep their digits. Absent: none could be made out, or one too long to keep. */
  readonly value?: string
  readonly version?: number
  /** When it came; absent while that is not known. */
  readonly ts?: number
  readonly ageMs?: number
  /** What it waits for; absent without an agent. */
  readonly waitsFor?: string
  /** Absent: finished. */
  readonly expiresInMs?: number
  /** Attempts begun, and those of them that the agent did not survive. */
  readonly attempts: number
  readonly crashes: number
  /** An attempt may have reached the device although no reply came. */
  readonly doubt: boolean
  readonly reason?: string
  readonly supersededBy?: string
  /** What was read back, as JSON text, where it is not the very value. */
  readonly readBack?: string
  readonly finishedTs?: number
  /** From its arrival to its end; absent where that is not known. */
  readonly tookMs?: number
}

/** POST /api/v1/inbox/cancel */
export interface CancelAnswer {
  /** Every command with one of the ids, as it stands now: `cancelled`, or why not. */
  readonly commands: readonly ListedCommand[]
  /** Ids that no command has. */
  readonly unknown: readonly string[]
}

/** POST /api/v1/inbox/reset */
export interface ResetAnswer {
  /** The version that was forgotten; absent: none was remembered. */
  readonly version?: number
}

/** What can be asked, of the running agent or of its file. Wrong questions are refused with GatewayError('usage'). */
export interface InboxReader {
  report(): Promise<InboxReport>
  commands(query: CommandQuery): Promise<CommandPage>
  /** An id belongs to a command of one key: with several keys there may be several. */
  find(id: string, key?: string): Promise<readonly ListedCommand[]>
}

/** What can be changed; only the running agent does that. */
export interface InboxWriter {
  /** Ends waiting commands; their senders are told. */
  cancel(order: { readonly ids: readonly string[]; readonly key?: string }): Promise<CancelAnswer>
  /**
   * Forgets the highest version of a key, so that its sender may begin to count anew. Throws GatewayError('conflict') while
   * a command with a version is under way, 'unknown_key' when nobody knows the key.
   */
  reset(key: string): Promise<ResetAnswer>
}

export interface InboxDesk extends InboxReader, InboxWriter {}
