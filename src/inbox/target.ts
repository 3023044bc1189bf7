/** CONTRACT: what one kind of command does. The state machine around it (decide.ts, applier.ts) is the same for all kinds. */
import type { Command, FinalState } from './command.ts'
import type { CommandValue } from './value.ts'

export interface Target {
  /** Attempts with the same one go one at a time: those on one device, for example. */
  readonly turn: string
  /** What it changes. Commands that share one of these go strictly in order of arrival. */
  readonly touches: readonly string[]
  /** The device it needs. */
  readonly device?: string
  /** May an attempt begin? No: its device does not answer. */
  isReady(): boolean
  /** The value as it will be applied, or why it cannot be. */
  fit(value: CommandValue | undefined): Fit
  /** One attempt, with a value that fits. */
  apply(job: Job): Promise<AttemptResult>
  /**
   * After an attempt that may have succeeded, of what must not be done twice: finds out whether it did, by reading. Nothing:
   * that cannot be told now. Absent: it can never be told.
   */
  look?(job: Job): Promise<AttemptResult | undefined>
  /** What it means that the agent ended during an attempt, where that is known. */
  readonly ifEnded?: Ended
}

/** `value` is absent where the command takes none. */
export type Fit = { readonly ok: true; readonly value?: CommandValue } | { readonly ok: false; readonly reason: string }

export interface Job {
  readonly command: Command
  readonly repeatable: boolean
  /** Asked when its turn on the wire has come: no means that nothing may be sent any more. */
  readonly isWanted: () => boolean
  /** The agent ends: what takes its time is ended, too. */
  readonly ending: AbortSignal
}

export interface Ended {
  readonly result: 'end'
  readonly state: FinalState
  readonly reason?: string
  /** What is there now, where that is not the very value. */
  readonly readBack?: CommandValue
}

export type AttemptResult =
  | Ended
  | { readonly result: 'again'; readonly doubt: boolean; readonly reason: string }
  /** The agent is ending because of it; the next start tells what became of it. */
  | { readonly result: 'ending' }

export function ended(state: FinalState, told: Pick<Ended, 'reason' | 'readBack'> = {}): Ended {
  return { result: 'end', state, ...told }
}
