import { type Command, Option } from 'commander'
import { GatewayError } from '../errors.ts'
import { DEFAULT_CONFIG, defaultStateDir } from './places.ts'

/** Options that several commands have. */

/** `flags`: where -c means something else. */
export function configOption(flags = '-c, --config <file>'): Option {
  return new Option(flags, 'the configuration').default(DEFAULT_CONFIG)
}

export function stateDirOption(): Option {
  const text = 'where database and socket of the agent are'
  return new Option('--state-dir <directory>', text).default(defaultStateDir(process.env))
}

export function jsonOption(): Option {
  return new Option('--json', 'for programs').default(false)
}

export function uplinkOption(text = 'only this uplink'): Option {
  return new Option('--uplink <name>', text)
}

export function yesOption(): Option {
  return new Option('-y, --yes', 'do not ask').default(false)
}

/** What a command tells when it is done: its exit status. */
export type Done = (status: number) => void

/** A word that does something by itself and has further words: its own options must not stand before one of those. */
export function optionsBehind(word: Command): void {
  word.hook('preSubcommand', () => {
    const early = word.options.find((option) => word.getOptionValueSource(option.attributeName()) === 'cli')
    if (early) {
      throw new GatewayError('usage', `${early.long} stands before the word it belongs to`, { hint: 'put it behind' })
    }
  })
}
