import { Option } from 'commander'
import { DEFAULT_CONFIG, defaultStateDir } from './places.ts'

/** Options that several commands have. */

export function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration').default(DEFAULT_CONFIG)
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
