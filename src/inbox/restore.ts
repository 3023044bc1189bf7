import type { NewRecord } from '../model.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import type { Command, FinalState } from './command.ts'
import type { Step } from './decide.ts'
import { type Now, stampOf } from './expiry.ts'
import type { CommandKey } from './key.ts'
import { DAMAGED, fromRow, LOG_LOST, type Loaded, RESTORED, settleOperation } from './operations.ts'
import { outcomeRecord } from './outcome.ts'

/** Of what carries one of these reasons nobody knows what became of it since. */
const uncertain: readonly (string | undefined)[] = [RESTORED, DAMAGED, LOG_LOST]

export interface RestoreOptions {
  readonly storage: Storage
  readonly report: (record: NewRecord) => Operation
  readonly now: () => Now
  /** The newest commits are lost: see LOG_LOST. */
  readonly isLogLost?: boolean
}

/**
 * Fills the keys with what was under way when the agent ended. What the configuration does not allow any more ends here,
 * with an outcome; what was in an attempt is decided as crashed. What was under way when a backup was made, or in the last
 * commit that is not lost, may have been applied since, or superseded by what is not known here: it ends `unknown` (P8).
 */
export async function restore(
  loaded: Loaded,
  keys: ReadonlyMap<string, CommandKey>,
  options: RestoreOptions,
): Promise<void> {
  const found = loaded.live.map(fromRow)
  const all = options.isLogLost ? found.map((command) => ({ ...command, reason: LOG_LOST })) : found
  const objections = new Map(all.map((command) => [command, objection(command, keys)]))
  await endAll(objections, options)
  const live = all.filter((command) => objections.get(command) === undefined)
  for (const [name, key] of keys) {
    const highest = loaded.highest.find((one) => one.key === name)
    key.restore(
      live.filter((command) => command.key === name),
      highest && { version: highest.version, id: highest.id },
    )
  }
  const crashed = live.filter((command) => command.state === 'applying')
  await Promise.all(
    crashed.map(({ key: name, id }) => {
      const key = keys.get(name)
      return key?.submit(crashStep(key, id))
    }),
  )
}

function crashStep({ target }: CommandKey, id: string): Step {
  if (!target.ifEnded) return { step: 'crashed', id }
  const { result: _, ...end } = target.ifEnded
  return { step: 'end', id, ...end }
}

function objection(command: Command, keys: ReadonlyMap<string, CommandKey>): string | undefined {
  if (uncertain.includes(command.reason)) return command.reason
  const key = keys.get(command.key)
  if (!key) return 'no command with this key is configured any more'
  // What became of it is known, whatever can be done now.
  if (command.state === 'applying' && key.target.ifEnded) return undefined
  const fitted = key.target.fit(command.value)
  return fitted.ok ? undefined : fitted.reason
}

async function endAll(objections: ReadonlyMap<Command, string | undefined>, options: RestoreOptions): Promise<void> {
  const now = options.now()
  const ended: Command[] = []
  for (const [command, reason] of objections) {
    if (reason === undefined) continue
    ended.push({ ...command, state: endOf(command, reason), reason, finished: stampOf(now) })
  }
  if (ended.length === 0) return
  const reports = ended.map((command) =>
    options.report(
      outcomeRecord(command, {
        to: command.uplink,
        mono: now.mono,
        ...(command.reply ? { reply: command.reply } : {}),
      }),
    ),
  )
  await options.storage.transact([settleOperation(ended), ...reports])
}

function endOf(command: Command, reason: string): FinalState {
  return uncertain.includes(reason) || command.state === 'applying' || command.doubt ? 'unknown' : 'refused'
}
