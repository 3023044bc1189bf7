import { type Command, InvalidArgumentError, Option } from 'commander'
import { configOption, type Done, jsonOption, optionsBehind, stateDirOption } from '../options.ts'
import type { ListFlags } from './list.ts'
import type { TrialFlags } from './trial.ts'

/** The words of `tidegate profiles`. Each command is loaded only when it is asked for. */
export function addProfiles(program: Command, done: Done): void {
  const profiles = program
    .command('profiles')
    .description('device profiles: register lists that a configuration can name')
    .helpCommand(false)
    .enablePositionalOptions()
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nProfiles are looked for beside the configuration, in /etc/tidegate/profiles, and in the program.',
    )
    .action(async (flags: ListFlags) => {
      const { list } = await import('./list.ts')
      done(await list(flags))
    })
  optionsBehind(profiles)
  profiles
    .command('show')
    .description('print the points of a profile, where they were taken from, and what to write to use it')
    .argument('<name>', 'such as eastron/sdm630')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (name: string, flags: ListFlags) => {
      const { show } = await import('./show.ts')
      done(await show(name, flags))
    })
  addTrial(profiles, done)
}

function addTrial(profiles: Command, done: Done): void {
  profiles
    .command('test')
    .description('read every point of a profile from a device once; status 0 when the device fits')
    .argument('<name>', 'such as eastron/sdm630')
    .option('--connection <name>', 'a connection of the configuration')
    .option('--port <path>', 'a serial port that needs no configuration')
    .option('--line <settings>', 'with --port: "9600 8N1"')
    .option('--tcp <host>', 'a device or converter on the network, with :port when that is not 502')
    .addOption(new Option('-a, --unit <n>', 'its Modbus address (default: that of the profile)').argParser(unitId))
    .addOption(configOption())
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .action(async (name: string, flags: TrialFlags) => {
      const { trial } = await import('./trial.ts')
      done(await trial(name, flags))
    })
}

/** MODBUS Messaging on TCP/IP V1.0b, 4.4.2: 255 addresses a server without a bus behind it. */
const UNIT_ID_LAST = 255

function unitId(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number <= UNIT_ID_LAST) return number
  throw new InvalidArgumentError(`expected 1 to 247, on TCP also 0 and ${UNIT_ID_LAST}`)
}
