import { type Command, Option } from 'commander'
import { parseUnit } from '../devices/place.ts'
import { targeted, timeoutOption } from '../devices/target-options.ts'
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
      '\nProfiles are looked for beside the configuration, in ./profiles, in /etc/tidegate/profiles, and in the program.',
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
  const test = profiles
    .command('test')
    .description('read every point of a profile from a device once; status 0 when the device fits')
    .argument('<name>', 'such as eastron/sdm630')
  targeted(test)
    .option('--line <line>', 'line settings of --port (default: "9600 8N1")')
    .addOption(new Option('-a, --unit <unit>', 'unit id (default: that of the profile)').argParser(parseUnit))
    .addOption(timeoutOption())
    .addOption(configOption())
    .addOption(stateDirOption())
    .addOption(jsonOption())
    .action(async (name: string, connection: string | undefined, flags: TrialFlags) => {
      const { trial } = await import('./trial.ts')
      done(await trial(name, { ...flags, connection }))
    })
}
