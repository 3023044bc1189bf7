import type { LineSettings } from '../../settings.ts'
import { isUnstablePort, stableName } from '../ports.ts'
import type { Path } from '../problem.ts'
import type { Context } from './context.ts'

/** A serial port belongs to one connection, and is best named by what does not change. */
export function checkPort(context: Context, path: Path, use: { port: string; portUsers: Map<string, string> }): void {
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

/** MODBUS over Serial Line V1.02, 2.5.1: RTU characters have 8 data bits. */
export function checkRtuLine(context: Context, path: Path, line: LineSettings): void {
  if (line.dataBits === 8) return
  const hint = 'if the device is set to Modbus ASCII, write type: modbus-ascii'
  context.error([...path, 'line'], 'Modbus RTU needs 8 data bits', { hint })
}
