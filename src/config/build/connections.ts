import type { ConnectionSettings, DeviceSettings, LineSettings } from '../../settings.ts'
import { isUnstablePort, stableName } from '../ports.ts'
import type { Path } from '../problem.ts'
import type { Connection } from '../schema/connection.ts'
import type { Context } from './context.ts'

/** Connections with their devices. Those that are wrong are left out and told. */
export function buildConnections(context: Context, devices: readonly DeviceSettings[]): ConnectionSettings[] {
  const portUsers = new Map<string, string>()
  return Object.entries(context.file.connections).map(([name, connection]) => {
    const path = ['connections', name]
    if (connection.type !== 'modbus-tcp') checkPort(context, path, { port: connection.port, portUsers })
    if (connection.type === 'modbus-rtu') checkRtuLine(context, path, connection.line)
    if (connection.type === 'serial-text') checkEnding(context, path, connection.ends_with)
    const own = devices.filter((device) => device.connection === name)
    if (!isUsed(context, name)) {
      context.warning(path, 'no device uses this connection', { at: 'key' })
    }
    return build(connection, { name, devices: own })
  })
}

function build(connection: Connection, common: Pick<ConnectionSettings, 'name' | 'devices'>): ConnectionSettings {
  if (connection.type === 'serial-text') {
    return {
      type: 'serial-text',
      ...common,
      port: connection.port,
      line: connection.line,
      direction: 'auto',
      requestGapMs: 0,
      connectDelayMs: 0,
      checksum: 'none',
      endsWith: connection.ends_with,
      silentAfterMs: connection.silent_after,
      timeoutMs: connection.silent_after,
    }
  }
  const modbus = {
    ...common,
    timeoutMs: connection.timeout,
    timeoutMinMs: connection.timeout,
    requestGapMs: connection.request_gap,
    connectDelayMs: connection.connect_delay,
  }
  if (connection.type === 'modbus-tcp')
    return { type: 'modbus-tcp', ...modbus, host: connection.host, port: connection.port }
  return { type: 'modbus-rtu', ...modbus, port: connection.port, line: connection.line, direction: 'auto' }
}

/** Also devices that are wrong count as users. */
function isUsed(context: Context, name: string): boolean {
  const devices: Record<string, unknown> = Object(Object(context.raw)['devices'])
  return Object.values(devices).some((device) => Object(device)['connection'] === name)
}

function checkPort(context: Context, path: Path, use: { port: string; portUsers: Map<string, string> }): void {
  const { port, portUsers } = use
  const place = [...path, 'port']
  if (!port.startsWith('/')) {
    context.error(place, `expected the path of a serial port, got "${port}"`, {
      hint: 'such as /dev/ttyAMA0 or a link in /dev/serial/by-id',
    })
    return
  }
  const other = portUsers.get(port)
  if (other !== undefined) {
    context.error(place, `connections.${other} has this port already; one connection owns one port`, {
      hint: 'put the devices on one connection, or correct the port',
    })
  }
  portUsers.set(port, String(path[1]))
  if (!isUnstablePort(port)) return
  const stable = stableName(port, context.host.serialFolder)
  context.warning(place, `${port} can be another adapter after a restart`, {
    hint: stable === undefined ? 'use its link in /dev/serial/by-id or by-path' : `write port: ${stable}`,
  })
}

function checkRtuLine(context: Context, path: Path, line: LineSettings): void {
  // MODBUS over Serial Line V1.02, 2.5.1: RTU characters have 8 data bits.
  if (line.dataBits !== 8) {
    context.error([...path, 'line'], 'Modbus RTU needs 8 data bits', { hint: 'is the device set to Modbus ASCII?' })
  }
}

function checkEnding(context: Context, path: Path, ending: string): void {
  // In single quotes and without quotes YAML leaves a backslash as it is.
  if (/\\[rntx0]/.test(ending)) {
    const hint = `write it in double quotes: "${ending}"`
    context.error([...path, 'ends_with'], 'YAML reads this as a backslash and a letter', { hint })
  }
}
