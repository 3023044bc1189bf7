/** Running a program, for actuators that have no driver. Its exit status says what became of the command. */

import type { Clock } from '../../clock.ts'
import type { ExecTarget } from '../../command-settings.ts'
import { type AttemptResult, ended, type Target } from '../target.ts'
import { type Ran, runProgram } from './program.ts'
import { fill, fitRule } from './value-rule.ts'

interface ExecParts {
  readonly key: string
  readonly clock: Clock
  readonly runProgram?: typeof runProgram
}

export function execTarget(settings: ExecTarget, parts: ExecParts): Target {
  const { key, clock, runProgram: run = runProgram } = parts
  const { program, args, timeoutMs, value: rule } = settings
  return {
    turn: `key ${key}`,
    touches: [`key ${key}`],
    isReady: () => true,
    fit: (value) => fitRule(rule, value),
    async apply({ command, ending }) {
      const filled = args.map((argument) => fill(argument, command.value))
      return resultOf(await run(program, filled, { timeoutMs, clock, ending }))
    },
  }
}

function resultOf(ran: Ran): AttemptResult {
  switch (ran.end) {
    case 'exited':
      if (ran.status === 0) return ended('applied')
      return ended('failed', { reason: withLine(`exit status ${ran.status}`, ran.lastLine) })
    case 'not_started':
      return ran.retriable
        ? { result: 'again', doubt: false, reason: ran.reason }
        : ended('failed', { reason: ran.reason })
    // Nobody knows how far it came.
    case 'killed':
      return ended('unknown', { reason: withLine(ran.reason, ran.lastLine) })
  }
}

function withLine(reason: string, line: string): string {
  return line === '' ? reason : `${reason}: ${line}`
}
