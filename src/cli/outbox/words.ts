import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Done, jsonOption, optionsBehind, stateDirOption, uplinkOption, yesOption } from '../options.ts'
import type { DropFlags } from './drop.ts'
import type { ChoiceFlags } from './listing.ts'
import type { ChosenFlags, RejectedFlags } from './rejected.ts'
import type { ReplayFlags } from './replay.ts'
import type { OutboxFlags } from './source.ts'

/** The words of `tidegate outbox`. Each command is loaded only when it is asked for. */
export function addOutbox(program: Command, done: Done): void {
  const outbox = program
    .command('outbox')
    .description('what waits for the cloud: how much, how old, and whether it moves')
    .helpCommand(false)
    .enablePositionalOptions()
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .addOption(uplinkOption())
    .addHelpText('after', `\nT is a time (2026-11-20T06:00), an age (2h) or the number of a record.`)
    .action(async (flags: OutboxFlags & { uplink?: string }) => {
      const { overview } = await import('./overview.ts')
      done(await overview(flags))
    })
  optionsBehind(outbox)
  addLooking(outbox, done)
  addUplinks(outbox, done)
  addRejected(outbox, done)
}

function addLooking(outbox: Command, done: Done): void {
  choosing(verb(outbox, 'ls', 'list records, one line each, the oldest first'))
    .addOption(new Option('--limit <n>', 'how many').default(50).argParser(positive))
    .action(async (flags: OutboxFlags & ChoiceFlags & { limit: number }) => {
      const { ls } = await import('./ls.ts')
      done(await ls(flags))
    })
  verb(outbox, 'peek', 'show one record in full, as it is sent (default: the oldest that waits)')
    .argument('[seq]', 'its number', count)
    .addOption(uplinkOption('as this uplink gets it'))
    .action(async (seq: number | undefined, flags: OutboxFlags & { uplink?: string }) => {
      const { peek } = await import('./peek.ts')
      done(await peek(seq, flags))
    })
  choosing(plainVerb(outbox, 'export', 'print records as JSON lines, as they are sent')).action(
    async (flags: OutboxFlags & ChoiceFlags) => {
      const { exportRecords } = await import('./export.ts')
      done(await exportRecords(flags))
    },
  )
  verb(outbox, 'verify', 'count again from the rows and compare with the books; status 0 only if all adds up').action(
    async (flags: OutboxFlags) => {
      const { verify } = await import('./verify.ts')
      done(await verify(flags))
    },
  )
}

function addUplinks(outbox: Command, done: Done): void {
  verb(outbox, 'replay', 'send kept records once more, marked late (needs outbox.keep_delivered)')
    .addOption(uplinkOption('to this one').makeOptionMandatory())
    .addOption(new Option('--since <T>', 'the first').makeOptionMandatory())
    .option('--until <T>', 'the last (default: the newest)')
    .action(async (flags: ReplayFlags) => {
      const { replay } = await import('./replay.ts')
      done(await replay(flags))
    })
  verb(outbox, 'drop', 'give up what waits and is older; counted and reported')
    .addOption(new Option('--before <T>', 'what is older').makeOptionMandatory())
    .addOption(uplinkOption('for this one only (default: for all)'))
    .addOption(yesOption())
    .action(async (flags: DropFlags) => {
      const { drop } = await import('./drop.ts')
      done(await drop(flags))
    })
  verb(outbox, 'pause', 'send nothing to an uplink until it is resumed')
    .argument('<uplink>')
    .action(async (uplink: string, flags: OutboxFlags) => {
      const { pause } = await import('./pause.ts')
      done(await pause(uplink, flags))
    })
  verb(outbox, 'resume', 'end a pause')
    .argument('<uplink>')
    .action(async (uplink: string, flags: OutboxFlags) => {
      const { resume } = await import('./pause.ts')
      done(await resume(uplink, flags))
    })
  verb(outbox, 'forget', 'give up what is kept for an uplink that is not configured any more')
    .argument('<uplink>')
    .addOption(yesOption())
    .action(async (uplink: string, flags: OutboxFlags & { yes: boolean }) => {
      const { forget } = await import('./forget.ts')
      done(await forget(uplink, flags))
    })
}

function addRejected(outbox: Command, done: Done): void {
  verb(outbox, 'rejected', 'list what a broker will never take, and why')
    .addOption(uplinkOption())
    .addOption(new Option('--limit <n>', 'how many').default(50).argParser(positive))
    .action(async (flags: RejectedFlags) => {
      const { rejected } = await import('./rejected.ts')
      done(await rejected(flags))
    })
  verb(outbox, 'retry', 'send rejected records once more')
    .argument('<uplink>')
    .argument('[seq...]', 'their numbers', counts)
    .option('--all', 'all of them', false)
    .action(async (uplink: string, seqs: number[] | undefined, flags: ChosenFlags) => {
      const { retry } = await import('./rejected.ts')
      done(await retry(uplink, seqs ?? [], flags))
    })
  verb(outbox, 'discard', 'remove rejected records; they stay counted')
    .argument('<uplink>')
    .argument('[seq...]', 'their numbers', counts)
    .option('--all', 'all of them', false)
    .addOption(yesOption())
    .action(async (uplink: string, seqs: number[] | undefined, flags: ChosenFlags & { yes: boolean }) => {
      const { discard } = await import('./rejected.ts')
      done(await discard(uplink, seqs ?? [], flags))
    })
}

function verb(outbox: Command, name: string, description: string): Command {
  return plainVerb(outbox, name, description).addOption(jsonOption())
}

function plainVerb(outbox: Command, name: string, description: string): Command {
  return outbox.command(name).description(description).addOption(stateDirOption())
}

function choosing(command: Command): Command {
  return command
    .addOption(uplinkOption('only what waits for this one, with `after` and `late` as it gets them'))
    .option('--since <T>', 'only from this on')
    .option('--until <T>', 'only up to this')
    .addOption(new Option('--after <seq>', 'only numbers above this one').argParser(count))
    .addOption(new Option('--kind <kind>', 'only this kind').choices(['data', 'event', 'outcome']))
    .option('--all', 'delivered records that are still kept, too', false)
}

function count(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A whole number is expected.')
}

/** One at least. */
function positive(text: string): number {
  if (count(text) > 0) return Number(text)
  throw new InvalidArgumentError('One at least.')
}

function counts(text: string, before: number[] | undefined): number[] {
  return [...(before ?? []), count(text)]
}
