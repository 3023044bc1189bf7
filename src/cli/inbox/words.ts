import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CommandState } from '../../model.ts'
import { type Done, jsonOption, optionsBehind, stateDirOption, yesOption } from '../options.ts'
import type { CancelFlags } from './cancel.ts'
import type { ChoiceFlags } from './ls.ts'
import type { InboxFlags } from './source.ts'
import { finalStates, liveStates } from './states.ts'

/** The words of `tidegate inbox`. Each command is loaded only when it is asked for. */
export function addInbox(program: Command, done: Done): void {
  const inbox = program
    .command('inbox')
    .description('commands from the cloud: what waits and for what, and what became of the others')
    .helpCommand(false)
    .enablePositionalOptions()
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nT is a time (2026-11-20T06:00) or an age (2h).')
    .action(async (flags: InboxFlags) => {
      const { overview } = await import('./overview.ts')
      done(await overview(flags))
    })
  optionsBehind(inbox)
  addLooking(inbox, done)
  addChanging(inbox, done)
}

function addLooking(inbox: Command, done: Done): void {
  verb(inbox, 'ls', 'list commands, one line each, the newest first')
    .addOption(keyOption())
    .addOption(new Option('--state <state>', 'only in this state; may be given several times').argParser(states))
    .option('--since <T>', 'only what came from this on')
    .addOption(new Option('--before <n>', 'only what came before the command with this number').argParser(positive))
    .addOption(new Option('--limit <n>', 'how many').default(50).argParser(positive))
    .action(async (flags: InboxFlags & ChoiceFlags) => {
      const { ls } = await import('./ls.ts')
      done(await ls(flags))
    })
  verb(inbox, 'show', 'show everything about one command')
    .argument('<id>', 'its id')
    .addOption(keyOption())
    .action(async (id: string, flags: InboxFlags & { key?: string }) => {
      const { show } = await import('./show.ts')
      done(await show(id, flags))
    })
}

function addChanging(inbox: Command, done: Done): void {
  verb(inbox, 'cancel', 'end commands that wait; their senders are told')
    .argument('[id...]', 'their ids')
    .addOption(keyOption())
    .option('--all', 'all that wait; needs --key', false)
    .addOption(yesOption())
    .action(async (ids: string[], flags: CancelFlags) => {
      const { cancel } = await import('./cancel.ts')
      done(await cancel(ids, flags))
    })
  verb(inbox, 'reset', 'forget the highest version of a key, when its sender begins to count anew')
    .argument('<key>')
    .addOption(yesOption())
    .action(async (key: string, flags: InboxFlags & { yes: boolean }) => {
      const { reset } = await import('./reset.ts')
      done(await reset(key, flags))
    })
}

function verb(inbox: Command, name: string, description: string): Command {
  return inbox.command(name).description(description).addOption(stateDirOption()).addOption(jsonOption())
}

function keyOption(): Option {
  return new Option('--key <key>', 'only commands of this key')
}

function states(text: string, before: readonly CommandState[] | undefined): readonly CommandState[] {
  const all = [...liveStates, ...finalStates]
  const state = all.find((one) => one === text)
  if (!state) throw new InvalidArgumentError(`Allowed choices are ${all.join(', ')}.`)
  return [...(before ?? []), state]
}

function positive(text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('A whole number of one at least is expected.')
}
