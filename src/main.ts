import { Command, CommanderError, Option } from 'commander'
import { addDevices } from './cli/devices/words.ts'
import { addInbox } from './cli/inbox/words.ts'
import { configOption, type Done, jsonOption, stateDirOption } from './cli/options.ts'
import { addOutbox } from './cli/outbox/words.ts'
import { addProfiles } from './cli/profiles/words.ts'
import type { RunOptions } from './cli/run.ts'
import { addSendTest } from './cli/send-test/words.ts'
import { addSimulate } from './cli/simulate/words.ts'
import { exitStatus, GatewayError } from './errors.ts'

/** Runs one command and ends the process with its exit status. The only place that does. */
export async function main(argv: readonly string[]): Promise<never> {
  // Should the event loop run dry with work undone, that is no success.
  process.exitCode = 1
  // `tidegate status | head` closes the pipe early; that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  try {
    process.exit(await runCommand(argv))
  } catch (error) {
    const { printError } = await import('./cli/print-error.ts')
    printError(error, { debug: argv.includes('--debug') })
    process.exit(exitStatus(error))
  }
}

/** Resolves with the exit status. Each command is loaded only when it is asked for, which keeps the small ones quick. */
async function runCommand(argv: readonly string[]): Promise<number> {
  let status = 0
  const program = createProgram((result) => {
    status = result
  })
  try {
    await program.parseAsync(plainWords(argv), { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    throw usageError(error, commandWords(program, argv))
  }
}

/**
 * No words at all ask for help; the flag that everybody tries first is a command here; and --debug may stand anywhere,
 * where other options belong to the word before them.
 */
function plainWords(argv: readonly string[]): string[] {
  const words = argv.filter((word) => word !== '--debug')
  if (words.length === 0) return ['--help']
  return words[0] === '--version' || words[0] === '-V' ? ['version', ...words.slice(1)] : words
}

/** All words and options; `done` is told the exit status. */
export function createProgram(done: Done): Command {
  const program = new Command('tidegate')
    .description(
      'Edge gateway: keeps every reading until the cloud has acknowledged it, applies only the newest command',
    )
    .option('--debug', 'print the stack of an error')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nExit status: 0 good, 1 the thing asked about is bad, 2 wrong usage, 3 no agent, 78 bad configuration',
    )
  addRun(program, done)
  addCheck(program, done)
  addStatus(program, done)
  addDevices(program, done)
  addProfiles(program, done)
  addOutbox(program, done)
  addInbox(program, done)
  addSendTest(program, done)
  addCopies(program, done)
  addDemo(program, done)
  addSimulate(program, done)
  addFacts(program, done)
  return program
}

function addRun(program: Command, done: Done): void {
  program
    .command('run')
    .description('run the gateway in the foreground (what systemd starts)')
    .addOption(configOption())
    .addOption(stateDirOption())
    .addOption(
      new Option('--log-level <level>', 'least severe level')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'lines for people or programs').choices(['human', 'json']).default('human'),
    )
    .action(async (flags: Omit<RunOptions, 'exit'>) => {
      const { run } = await import('./cli/run.ts')
      done(await run({ ...flags, exit: process.exit }))
    })
}

function addCheck(program: Command, done: Done): void {
  program
    .command('check')
    .description('say whether a configuration is good, with line and column of every error')
    .argument('[file]', 'the configuration; the same as --config')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (file: string | undefined, { config, json }: { config: string; json: boolean }) => {
      const { check } = await import('./cli/check.ts')
      done(await check({ file: file ?? config, json }))
    })
}

function addStatus(program: Command, done: Done): void {
  program
    .command('status')
    .description('ask the running agent how everything is; status 1 when something needs attention')
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .option('--short', 'one line', false)
    .action(async (flags: { stateDir: string; json: boolean; short: boolean }) => {
      const { status } = await import('./cli/status.ts')
      done(await status(flags))
    })
}

function addCopies(program: Command, done: Done): void {
  program
    .command('backup')
    .description('copy the database to a file, while the agent runs or not')
    .argument('<file>', 'the copy; it must not be there yet')
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .action(async (file: string, flags: { stateDir: string; json: boolean }) => {
      const { backup } = await import('./cli/backup.ts')
      done(await backup(file, flags))
    })
  program
    .command('restore')
    .description('put a backup in the place of the database; the agent must be stopped')
    .argument('<file>', 'the backup')
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .addOption(new Option('--examine', 'only examine the file').default(false).hideHelp())
    .action(async (file: string, flags: { stateDir: string; json: boolean; examine: boolean }) => {
      const { restore } = await import('./cli/restore.ts')
      done(await restore(file, flags))
    })
}

function addDemo(program: Command, done: Done): void {
  program
    .command('demo')
    .description('a simulated site with an outage: no hardware, network or root needed')
    .option('--once', 'one cycle, then a summary; status 0 only if nothing is missing', false)
    .action(async (flags: { once: boolean }) => {
      const { demo } = await import('./cli/demo.ts')
      done(await demo(flags))
    })
}

function addFacts(program: Command, done: Done): void {
  program
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(async () => {
      const { schema } = await import('./cli/schema.ts')
      done(await schema({}))
    })
  program
    .command('version')
    .description('print the versions of everything inside')
    .addOption(jsonOption())
    .action(async (flags: { json: boolean }) => {
      const { version } = await import('./cli/version.ts')
      done(await version(flags))
    })
}

/** "outbox ls " of `outbox ls --sinc 2h`: the command whose help helps. */
function commandWords(program: Command, argv: readonly string[]): string {
  let words = ''
  let command: Command | undefined = program
  for (const word of argv) {
    command = command.commands.find((one) => one.name() === word)
    if (!command) break
    words += `${word} `
  }
  return words
}

/** "error: unknown command 'chek'\n(Did you mean check?)" becomes a message and a hint. */
function usageError(error: CommanderError, words: string): GatewayError {
  const [first = '', suggestion] = error.message.split('\n')
  const meant = /Did you mean (?:one of )?(.*)\?/.exec(suggestion ?? '')?.[1]
  return new GatewayError('usage', first.replace(/^error: /, '').replace(/\.$/, ''), {
    hint: meant === undefined ? `tidegate ${words}--help` : meant.startsWith('-') ? meant : `tidegate ${meant}`,
  })
}
