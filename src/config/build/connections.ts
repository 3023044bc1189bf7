import type { ConnectionSettings, DeviceSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Connection } from '../schema/connection.ts'
import { formatDuration, parseDuration } from '../units.ts'
import { buildFrame } from './binary-frame.ts'
import type { Context } from './context.ts'
import { checkEscapes } from './escapes.ts'
import { checkPort, checkRtuLine } from './lines.ts'

type Common = Pick<ConnectionSettings, 'name' | 'devices' | 'timeoutMs' | 'requestGapMs' | 'connectDelayMs'>

/** A device that answers faster than this is not taken at its word: the next request may be a harder one. */
const timeoutMinMs = 150

/** Connections with their devices. Those that are wrong are left out and told. */
export function buildConnections(context: Context, devices: readonly DeviceSettings[]): ConnectionSettings[] {
  const portUsers = new Map<string, string>()
  return Object.entries(context.file.connections).map(([name, connection]) => {
    const path = ['connections', name]
    if (!('host' in connection)) checkPort(context, path, { port: connection.port, portUsers })
    if ('min_timeout' in connection) checkTimeouts(context, path, connection)
    if (!isUsed(context, name)) {
      context.warning(path, 'no device uses this connection', { at: 'key' })
    }
    return build(context, connection, {
      name,
      devices: devices.filter((device) => device.connection === name),
      timeoutMs: connection.timeout,
      requestGapMs: connection.request_gap,
      connectDelayMs: connection.connect_delay,
    })
  })
}

function build(context: Context, connection: Connection, common: Common): ConnectionSettings {
  const path = ['connections', common.name]
  switch (connection.type) {
    case 'modbus-tcp': {
      const { type, host, port } = connection
      return { type, ...common, timeoutMinMs: minOf(connection), host, port }
    }
    case 'modbus-rtu-over-tcp': {
      const { type, host, port, line } = connection
      if (line !== undefined) checkRtuLine(context, path, line)
      const behind = line === undefined ? {} : { line }
      return { type, ...common, timeoutMinMs: minOf(connection), host, port, ...behind }
    }
    case 'modbus-rtu':
    case 'modbus-ascii': {
      const { type, port, line, direction } = connection
      if (type === 'modbus-rtu') checkRtuLine(context, path, line)
      return { type, ...common, timeoutMinMs: minOf(connection), port, line, direction }
    }
    case 'serial-text': {
      const { type, port, line, direction, checksum, ends_with: endsWith, silent_after: silentAfterMs } = connection
      checkEscapes(context, [...path, 'ends_with'], endsWith)
      return { type, ...common, port, line, direction, checksum, endsWith, silentAfterMs }
    }
    case 'serial-binary': {
      const { type, port, line, direction, silent_after: silentAfterMs } = connection
      const frame = buildFrame(context, [...path, 'frame'], connection.frame)
      return { type, ...common, port, line, direction, frame, silentAfterMs }
    }
  }
}

interface Timeouts {
  readonly timeout: number
  readonly min_timeout?: number | undefined
}

function minOf({ timeout, min_timeout: min }: Timeouts): number {
  return Math.min(timeout, min ?? timeoutMinMs)
}

function checkTimeouts(context: Context, path: Path, { timeout, min_timeout: min }: Timeouts): void {
  if (min === undefined || min <= timeout || isReplaced(context, path, timeout)) return
  const message = `min_timeout ${formatDuration(min)} is above timeout ${formatDuration(timeout)}`
  context.error([...path, 'min_timeout'], message, { hint: 'the same as timeout: always wait that long' })
}

/** A timeout that is wrong has its own error; what stands in its place is not in the file. */
function isReplaced(context: Context, path: Path, timeout: number): boolean {
  const place = [...path, 'timeout']
  const text = context.source(place)
  if (text === undefined) return context.attempted(place)
  const written = parseDuration(text)
  return !('value' in written) || written.value !== timeout
}

/** Also devices that are wrong count as users. */
function isUsed(context: Context, name: string): boolean {
  const devices: Record<string, unknown> = Object(Object(context.raw)['devices'])
  return Object.values(devices).some((device) => Object(device)['connection'] === name)
}
