import type { Command } from './command.ts'
import { commandValueJson } from './value.ts'

/** Room for waiting commands of queues. `bytes`: of what `sizeOf` counts. */
export interface Room {
  readonly commands: number
  readonly bytes: number
}

/** Characters of what a sender can make long in a command that waits. */
export function sizeOf({ value, reply }: Pick<Command, 'value' | 'reply'>): number {
  const valueLength = value === undefined ? 0 : (commandValueJson(value)?.length ?? 0)
  return valueLength + (reply?.topic.length ?? 0) + (reply?.correlation?.length ?? 0)
}
