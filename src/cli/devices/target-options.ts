import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../../config/units.ts'

/** Words of the commands that ask a connection raw questions. */

/** A connection of the configuration, or a port or socket that needs none. */
export function targeted(command: Command): Command {
  return command
    .argument('[connection]', 'one of the configuration')
    .option('--port <path>', 'a serial port that needs no configuration')
    .option('--tcp <host[:port]>', 'Modbus TCP that needs no configuration')
    .option('--rtu', 'with --tcp: a converter that passes bytes on as they are (RTU over TCP)')
}

export function timeoutOption(): Option {
  return new Option('--timeout <time>', 'for one answer: 300ms').argParser((text) => {
    const ms = duration(text)
    if (ms >= TIMEOUT_MS_MIN && ms <= TIMEOUT_MS_MAX) return ms
    throw new InvalidArgumentError('10ms to 10s are possible.')
  })
}

const TIMEOUT_MS_MIN = 10
const TIMEOUT_MS_MAX = 10_000

/** ms */
export function duration(text: string): number {
  const parsed = parseDuration(text)
  if ('value' in parsed) return parsed.value
  throw new InvalidArgumentError(`${parsed.problem}.`)
}
