import { isBitTable } from '../../drivers/modbus/registers.ts'
import type { ConnectionSettings, LineSettings, RegisterTable } from '../../settings.ts'

/** What a device takes from request to reply, as long as nobody has measured it. Datasheets say 5 to 50 ms. */
const rtuTurnaroundMs = 15
/** The same for a PLC on the local network, the way there and back included. */
const tcpTurnaroundMs = 5

/** MODBUS over Serial Line V1.02: unit, function, address, count and CRC; a reply has unit, function, length and CRC. */
const requestCharacters = 8
const replyCharacters = 5

/** One read request, as planned. */
export interface WireRequest {
  readonly register: RegisterTable
  readonly count: number
}

/** How long one exchange occupies the wire, in ms, with an assumed turnaround. 0 where nothing is asked. */
export function exchangeMs(connection: ConnectionSettings, request: WireRequest): number {
  switch (connection.type) {
    case 'serial-text':
    case 'serial-binary':
      return 0
    case 'modbus-rtu-over-tcp':
    case 'modbus-tcp':
      return tcpTurnaroundMs + connection.requestGapMs
    case 'modbus-ascii':
    case 'modbus-rtu': {
      const bytes = isBitTable(request.register) ? Math.ceil(request.count / 8) : request.count * 2
      const characters = requestCharacters + replyCharacters + bytes
      const character = characterMs(connection.line)
      return characters * character + silenceMs(connection.line) + connection.requestGapMs + rtuTurnaroundMs
    }
  }
}

/** Start bit, data bits, parity bit if any, stop bits. */
export function characterMs(line: LineSettings): number {
  const bits = 1 + line.dataBits + (line.parity === 'none' ? 0 : 1) + line.stopBits
  return (bits * 1000) / line.baud
}

/** Silence between frames: 3.5 characters, a fixed 1.75 ms above 19200 baud (MODBUS over Serial Line V1.02, 2.5.1.1). */
function silenceMs(line: LineSettings): number {
  return line.baud > 19_200 ? 1.75 : 3.5 * characterMs(line)
}
