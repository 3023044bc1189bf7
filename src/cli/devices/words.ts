import { type Command, InvalidArgumentError, Option } from 'commander'
import { configOption, type Done, jsonOption, stateDirOption, yesOption } from '../options.ts'
import { parseUnit } from './place.ts'
import type { ProbeFlags } from './probe.ts'
import type { ReadFlags, Repetition } from './read.ts'
import type { ScanFlags } from './scan.ts'
import type { DeviceFlags } from './source.ts'
import { duration, targeted, timeoutOption } from './target-options.ts'
import type { WatchFlags } from './watch.ts'
import type { WriteFlags } from './write.ts'

/** The words of the commands that look at devices. Each command is loaded only when it is asked for. */
export function addDevices(program: Command, done: Done): void {
  addReading(program, done)
  addProbe(program, done)
  addScan(program, done)
  deviceCommand(program, 'plan', {
    description: 'show what is asked of the devices when, and what was learnt from them',
  })
    .argument('[connection]', 'only this one')
    .action(async (name: string | undefined, flags: DeviceFlags) => {
      const { plan } = await import('./plan.ts')
      done(await plan(name, flags))
    })
}

function addReading(program: Command, done: Done): void {
  deviceCommand(program, 'read', { description: 'read a device now; status 1 when a value is missing' })
    .argument('<name>', 'DEVICE or DEVICE.POINT')
    .option('--raw', 'with the registers as they came, each point asked for alone', false)
    .addOption(new Option('--repeat <N/T>', 'so many times, every so often: 10/2s').argParser(repetition))
    .action(async (name: string, flags: ReadFlags) => {
      const { read } = await import('./read.ts')
      done(await read(name, flags))
    })
  deviceCommand(program, 'write', {
    description: 'write a point, after asking; keeps to its min and max, and reads back',
  })
    .argument('<name>', 'DEVICE.POINT')
    .argument('<value>', 'a number, true or false, or a text')
    .addOption(yesOption())
    .action(async (name: string, value: string, flags: WriteFlags) => {
      const { write } = await import('./write.ts')
      done(await write({ name, text: value }, flags))
    })
  program
    .command('watch')
    .description('show values and errors as they are recorded')
    .argument('[pattern]', 'DEVICE or DEVICE.POINT, with * for any letters')
    .addOption(stateDirOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addOption(new Option('-C, --count <n>', 'end after so many lines').argParser(positive))
    .addOption(new Option('-W, --wait <seconds>', 'end after so many seconds').argParser(positive))
    .option('--changes', 'only what differs from the line before', false)
    .action(async (pattern: string | undefined, flags: WatchFlags) => {
      const { watch } = await import('./watch.ts')
      done(await watch(pattern, flags))
    })
}

function addProbe(program: Command, done: Done): void {
  targeted(
    deviceCommand(program, 'probe', {
      description: 'read registers and show everything they can mean',
      configFlags: '--config <file>',
    }),
  )
    .option('--line <line>', 'other line settings than those of the connection; with --port: "9600 8N1" by default')
    .addOption(new Option('-a, --unit <unit>', 'unit id').default(1).argParser(parseUnit))
    .addOption(
      new Option('-r, --start <start>', 'address from 0; without -t also a reference such as 30001').default('0'),
    )
    .addOption(new Option('-c, --count <n>', 'how many (default: 2 registers, 8 bits)').argParser(probeCount))
    .addOption(new Option('-t, --table <table>', '0 coil, 1 discrete, 3 input, 4 holding, or the word'))
    .addOption(new Option('--expect <MIN..MAX>', 'mark what is in this range, and look one register lower and higher'))
    .addOption(timeoutOption())
    // Spellings of mbpoll, which mean here what happens anyway: once, and addresses from 0.
    .addOption(new Option('-1, --once').hideHelp())
    .addOption(new Option('-0, --from-zero').hideHelp())
    .action(async (name: string | undefined, flags: ProbeFlags) => {
      const { probe } = await import('./probe.ts')
      done(await probe(name, flags))
    })
}

function addScan(program: Command, done: Done): void {
  targeted(
    deviceCommand(program, 'scan', {
      description: 'find the units that answer, and what they are; status 1 when nobody does',
    }),
  )
    .option('--line <line>', 'line settings of --port (default: "9600 8N1")')
    .addOption(new Option('--units <list>', 'only these: 1-32 or 1,2,5-9'))
    .addOption(new Option('--lines <list>', 'with these line settings: "9600 8N1,19200 8E1"'))
    .addOption(timeoutOption())
    .action(async (name: string | undefined, flags: ScanFlags) => {
      const { scan } = await import('./scan.ts')
      done(await scan(name, flags))
    })
}

function deviceCommand(
  program: Command,
  name: string,
  { description, configFlags }: { readonly description: string; readonly configFlags?: string },
): Command {
  return program
    .command(name)
    .description(description)
    .addOption(stateDirOption())
    .addOption(configOption(configFlags))
    .addOption(jsonOption())
}

/** `10`, `10/2s`: a second where nothing is said. */
function repetition(text: string): Repetition {
  const [times = '', every, ...more] = text.split('/')
  if (more.length > 0) throw new InvalidArgumentError('Expected 10 or 10/2s.')
  return { times: positive(times), everyMs: every === undefined ? 1000 : duration(every) }
}

/** Everywhere else -c is the configuration. */
function probeCount(text: string): number {
  if (/^\d+$/.test(text)) return positive(text)
  throw new InvalidArgumentError('-c is how many registers here; the configuration is --config FILE.')
}

function positive(text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('A whole number from 1 on is expected.')
}
