import type { ConnectionSettings, LineSettings } from '../settings.ts'

/** Time of one character on the line: start bit, data, parity, stop bits. */
export function byteMsOf(line: LineSettings): number {
  const bits = 1 + line.dataBits + (line.parity === 'none' ? 0 : 1) + line.stopBits
  return (bits * 1000) / line.baud
}

/** "9600 8N1" */
export function describeLine(line: LineSettings): string {
  return `${line.baud} ${line.dataBits}${line.parity.charAt(0).toUpperCase()}${line.stopBits}`
}

/** How a connection is shown: "9600 8N1", or host and port. */
export function describeConnection(connection: ConnectionSettings): string {
  return 'host' in connection ? `${connection.host}:${connection.port}` : describeLine(connection.line)
}
