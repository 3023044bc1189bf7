import type { ConnectionSettings, LineSettings } from '../settings.ts'

/** Time of one character on the line: start bit, data, parity, stop bits. */
export function byteMsOf(line: LineSettings): number {
  const bits = 1 + line.dataBits + (line.parity === 'none' ? 0 : 1) + line.stopBits
  return (bits * 1000) / line.baud
}

/** Above this the silence between frames is fixed (MODBUS over Serial Line V1.02, section 2.5.1.1). */
const FAST_BAUD = 19_200
const FAST_SILENCE_MS = 1.75

/** The silence between two Modbus RTU frames: 3.5 characters, or the fixed time of fast lines. */
export function silenceMsOf(line: LineSettings): number {
  return line.baud > FAST_BAUD ? FAST_SILENCE_MS : 3.5 * byteMsOf(line)
}

/**
 * What a device on a line takes from request to reply, as long as nobody has measured it. Datasheets say 5 to 50 ms;
 * instruments that finish a measurement first take longer.
 */
export const TURNAROUND_MS = 15

/** "9600 8N1" */
export function describeLine(line: LineSettings): string {
  return `${line.baud} ${line.dataBits}${line.parity.charAt(0).toUpperCase()}${line.stopBits}`
}

/** How a connection is shown: "9600 8N1", or host and port. */
export function describeConnection(connection: ConnectionSettings): string {
  return 'host' in connection ? `${connection.host}:${connection.port}` : describeLine(connection.line)
}
