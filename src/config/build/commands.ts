import type { CommandSettings, CommandTarget, GatewayVerb } from '../../command-settings.ts'
import type { DeviceSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Command } from '../schema/command.ts'
import { buildMessage } from './command-messages.ts'
import { buildProgram } from './command-programs.ts'
import { buildWrite } from './command-writes.ts'
import type { Context } from './context.ts'

/** What a command can do: it has exactly one of these keys. */
const kinds = ['write', 'send', 'gateway', 'exec'] as const

type Kind = (typeof kinds)[number]

/** Keys that have a meaning with some kinds only. */
const keysOfKinds: readonly (readonly [key: string, kinds: readonly Kind[]])[] = [
  ['verify', ['write']],
  ['values', ['send', 'exec']],
  // How far a program came nobody knows, and so it is never run again.
  ['repeatable', ['write', 'send', 'gateway']],
]

/** The allow-list of commands. Those that are wrong are left out and told. */
export function buildCommands(context: Context, devices: readonly DeviceSettings[]): CommandSettings[] {
  return Object.entries(context.file.commands).flatMap(([key, command]) => {
    const path = ['commands', key]
    const kind = kindOf(context, path)
    if (kind === undefined) return []
    for (const [one, its] of keysOfKinds) {
      if (!its.includes(kind)) context.refuse(path, [one], `has no meaning with ${kind}`)
    }
    const mode = modeOf(context, path, { command, kind })
    const target = targetOf(context, path, { command, devices })
    if (target === undefined) return []
    if (target.type === 'gateway') checkVerb(context, path, { command, verb: target.verb, mode })
    return [
      {
        key,
        target,
        mode,
        expiresAfterMs: command.expires_after,
        repeatable: kind !== 'exec' && (command.repeatable ?? (mode === 'last_value' && kind !== 'gateway')),
        acceptRetained: command.accept_retained,
        ...(command.rate === undefined ? {} : { rate: command.rate }),
        waitingMax: command.waiting,
      },
    ]
  })
}

function modeOf(
  context: Context,
  path: Path,
  options: { readonly command: Command; readonly kind: Kind },
): CommandSettings['mode'] {
  const { command, kind } = options
  const byDefault = kind === 'gateway' ? 'last_value' : context.file.inbox.default_mode
  const mode = command.mode ?? byDefault
  if (mode === 'last_value' && (command.mode !== undefined || !isModeTold(context, path))) {
    context.refuse(path, ['waiting'], 'has no meaning with mode: last_value, where only the newest waits')
  }
  return mode
}

/** Was another mode meant, which is wrong and told? */
function isModeTold(context: Context, path: Path): boolean {
  const place = ['inbox', 'default_mode']
  const isDefaultWrong = context.attempted(place) && context.source(place) !== context.file.inbox.default_mode
  return isDefaultWrong || context.attempted([...path, 'mode'])
}

function kindOf(context: Context, path: Path): Kind | undefined {
  const written = kinds.filter((kind) => context.written([...path, kind]))
  const [kind, other] = written
  if (kind !== undefined && other !== undefined) {
    context.error([...path, other], `${kind} and ${other} exclude each other`, { hint: 'keep one of them', at: 'key' })
    return undefined
  }
  if (kind === undefined && !kinds.some((one) => context.attempted([...path, one]))) {
    const hint = 'what does it do? write: device.point is the usual one'
    context.error(path, 'missing "write", "send", "gateway" or "exec"', { hint, at: 'key' })
  }
  return kind
}

/** Undefined when it is wrong, which is told. */
function targetOf(
  context: Context,
  path: Path,
  options: { readonly command: Command; readonly devices: readonly DeviceSettings[] },
): CommandTarget | undefined {
  const { write, send, gateway, exec, values } = options.command
  if (write !== undefined) return buildWrite(context, path, { ...options, write })
  if (send !== undefined) return buildMessage(context, path, { send, values })
  if (exec !== undefined) return buildProgram(context, path, { exec, values })
  return gateway === undefined ? undefined : { type: 'gateway', verb: gateway }
}

function checkVerb(
  context: Context,
  path: Path,
  options: { readonly command: Command; readonly verb: GatewayVerb; readonly mode: CommandSettings['mode'] },
): void {
  const { command, verb, mode } = options
  if (verb === 'reload') {
    const message = 'this version cannot reload its configuration and refuses such commands'
    context.warning([...path, 'gateway'], message, { hint: 'restart does it' })
  }
  if (verb !== 'restart') return
  if (mode === 'queue') {
    const message = 'each of the restarts that wait would be carried out, one after the other'
    context.error([...path, 'mode'], message, { hint: 'remove it' })
  }
  // Both would restart the gateway for ever.
  if (command.repeatable === true) {
    const message = 'a restart looks like a crash, after which it would be repeated'
    context.error([...path, 'repeatable'], message, { hint: 'remove it' })
  }
  if (command.accept_retained) {
    const message = 'a retained message returns with every connect, so the gateway would restart for ever'
    context.error([...path, 'accept_retained'], message, { hint: 'remove it' })
  }
}
