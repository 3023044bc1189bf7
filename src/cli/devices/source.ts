import { realpathSync } from 'node:fs'
import { loadSettings, parseSettings } from '../../config/load.ts'
import { ConfigInvalid } from '../../config/problem.ts'
import type { DeviceTools, PlannedConnection } from '../../device-api.ts'
import { GatewayError } from '../../errors.ts'
import type { ConnectionSettings } from '../../settings.ts'
import { isRunning } from '../client.ts'
import { ownPlan, withOwnTools } from './own.ts'
import { remoteTools } from './remote.ts'

/** Flags that every command on devices has. */
export interface DeviceFlags {
  readonly stateDir: string
  readonly config: string
  readonly json: boolean
}

/** Which connection: one of the configuration by its name, or a port or socket that needs no configuration. */
export interface TargetFlags {
  readonly port?: string
  readonly tcp?: string
  readonly line?: string
  readonly rtu?: boolean
}

/** Where raw questions go. */
export interface Target {
  readonly tools: DeviceTools
  readonly connection: PlannedConnection
  /** Words that name it on the command line, but for its line: `bus-a`, `--port /dev/ttyUSB0`. */
  readonly words: string
  /** It is one of the configuration. */
  readonly configured: boolean
}

/**
 * Asks the running agent; when nobody is there, on a connection of this command's own, as the configuration says. What
 * `work` gives is the exit status.
 */
export async function withDevice(
  wanted: DeviceFlags & { readonly device: string },
  work: (tools: DeviceTools, running: boolean) => Promise<number>,
): Promise<number> {
  const { device, ...flags } = wanted
  if (await isRunning(flags.stateDir)) return work(remoteTools(flags.stateDir), true)
  const { connections } = loadSettings(flags.config).settings
  const connection = connections.find(({ devices }) => devices.some(({ name }) => name === device))
  if (!connection) {
    const names = connections.flatMap(({ devices }) => devices.map(({ name }) => name))
    throw new GatewayError('unknown_device', `there is no device ${device} in ${flags.config}`, {
      hint: `one of ${names.join(', ')}`,
    })
  }
  remarkOwn()
  // The others on the wire are left alone.
  const only = { ...connection, devices: connection.devices.filter(({ name }) => name === device) }
  return withOwnTools(only, (tools) => work(tools, false))
}

/** The same for raw questions on a connection, which need no device. */
export async function withTarget(
  flags: DeviceFlags & TargetFlags & { readonly name: string | undefined },
  work: (target: Target) => Promise<number>,
): Promise<number> {
  const wanted = targetOf(flags)
  const running = await isRunning(flags.stateDir)
  if (running) {
    const tools = remoteTools(flags.stateDir)
    const { connections } = await tools.plan()
    const owned = connections.find((one) =>
      'name' in wanted ? one.name === wanted.name : isSame(one, wanted.settings),
    )
    if (owned) {
      if (!('name' in wanted)) console.error(`The agent has this port as ${owned.name}: asked through it.`)
      return work({ tools, connection: owned, words: owned.name, configured: true })
    }
    if ('name' in wanted) throw unknownConnection(wanted.name, connections)
  }
  const settings = 'settings' in wanted ? wanted.settings : configuredOne(wanted.name, flags)
  if (!running && 'name' in wanted) remarkOwn()
  const [connection] = (await ownPlan([settings]).plan()).connections
  if (!connection) throw new Error('a plan has one entry for each connection')
  const bare = { ...settings, devices: [] }
  const words = 'words' in wanted ? wanted.words : wanted.name
  return withOwnTools(bare, (tools) => work({ tools, connection, words, configured: 'name' in wanted }))
}

function remarkOwn(): void {
  console.error('The agent is not running: asked over a connection of its own.')
}

type Wanted = { readonly name: string } | { readonly settings: ConnectionSettings; readonly words: string }

function targetOf({ name, port, tcp, line, rtu = false }: TargetFlags & { readonly name: string | undefined }): Wanted {
  const given = [name, port, tcp].filter((one) => one !== undefined)
  if (given.length !== 1) {
    throw new GatewayError(
      'usage',
      given.length === 0 ? 'no connection is named' : 'more than one connection is named',
      {
        hint: 'a connection of the configuration, or --port /dev/ttyUSB0, or --tcp 192.168.10.20',
      },
    )
  }
  if (rtu && tcp === undefined) {
    throw new GatewayError('usage', '--rtu is without --tcp', {
      hint: '--rtu is for a converter: --tcp HOST:PORT --rtu',
    })
  }
  if (name !== undefined) return { name }
  if (tcp !== undefined) {
    if (line !== undefined) {
      throw new GatewayError(
        'usage',
        '--line does not go with --tcp: a converter has the line settings of its bus itself',
        {
          hint: 'leave it out; for a converter that passes bytes on as they are, --rtu',
        },
      )
    }
    const parts = /^(.+?)(?::(\d+))?$/.exec(tcp)
    const type = rtu ? 'modbus-rtu-over-tcp' : 'modbus-tcp'
    const words = `--tcp ${tcp}${rtu ? ' --rtu' : ''}`
    const fields = { type, host: parts?.[1] ?? tcp, ...(parts?.[2] && { port: Number(parts[2]) }) }
    return { settings: settingsFor(fields, words), words }
  }
  const said = line === undefined ? '' : ` --line "${line}"`
  const fields = { type: 'modbus-rtu', port, line: line ?? DEFAULT_LINE }
  return { settings: settingsFor(fields, `--port ${port}${said}`), words: `--port ${port}` }
}

/** What MODBUS over Serial Line V1.02 (2.5.1) would have is 19200 8E1; what devices come with is this. */
const DEFAULT_LINE = '9600 8N1'

/** Of a connection that stands in no file. */
const NAME = 'here'

/** A connection that stands in no file, with the defaults of the configuration. `words` said so. */
function settingsFor(fields: object, words: string): ConnectionSettings {
  const text = JSON.stringify({
    version: 1,
    gateway: { id: NAME },
    connections: { [NAME]: fields },
    devices: { any: { connection: NAME, unit_id: 1, points: { any: { address: 0, type: 'uint16' } } } },
    uplinks: { none: { type: 'mqtt', url: 'mqtt://127.0.0.1' } },
  })
  try {
    const [connection] = parseSettings(text, 'command line').settings.connections
    if (connection) return { ...connection, devices: [] }
  } catch (error) {
    const problem = error instanceof ConfigInvalid ? error.problems[0] : undefined
    if (!problem) throw error
    const { message, hint } = problem
    throw new GatewayError('usage', `${words}: ${message}`, { cause: error, ...(hint === undefined ? {} : { hint }) })
  }
  throw new Error('a configuration that is valid has its connection')
}

function configuredOne(name: string, { config }: DeviceFlags): ConnectionSettings {
  const { connections } = loadSettings(config).settings
  const found = connections.find((connection) => connection.name === name)
  if (!found) throw unknownConnection(name, connections)
  return found
}

function unknownConnection(name: string, all: readonly { readonly name: string }[]): GatewayError {
  return new GatewayError('unknown_device', `there is no connection ${name}`, {
    hint: `one of ${all.map((one) => one.name).join(', ')}; --port and --tcp need no configuration`,
  })
}

/** The agent has this very port or socket. */
function isSame(owned: PlannedConnection, settings: ConnectionSettings): boolean {
  if ('host' in settings) return owned.host === settings.host && owned.port === settings.port
  return typeof owned.port === 'string' && realPath(owned.port) === realPath(settings.port)
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
