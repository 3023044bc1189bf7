/** How long reads occupy a connection: what the poll plan is made by, and what `tidegate check` adds up. Pure. */

import { isBitTable } from '../../point-types.ts'
import type { LineSettings, ModbusSettings, RegisterTable } from '../../settings.ts'
import { TURNAROUND_MS } from '../line.ts'
import { timingOf } from './timing.ts'

/** Times in ms. */
export interface WireCost {
  /** Of an exchange without its data: request, head and tail of the reply, silences, gap, and the device's own time. */
  readonly exchangeMs: number
  /** Of one byte of data. */
  readonly dataByteMs: number
}

/** What a device on the local network takes, the way there and back included. */
const TCP_TURNAROUND_MS = 5
/** Next to nothing, but of two plans with as many requests the one with fewer registers is the better one. */
const TCP_BYTE_MS = 0.001
/** Assumed behind a converter of which the configuration says nothing: what most devices leave the factory with. */
export const assumedLine: LineSettings = { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 }

/** MODBUS over Serial Line V1.02, 2.5.1: unit, function, address, count, CRC; a reply has unit, function, length, CRC. */
const RTU_CHARACTERS = 8 + 5
/** 2.5.2: the same in two digits a byte, with an LRC of one byte, a colon before and CR LF behind. */
const ASCII_CHARACTERS = 1 + 7 * 2 + 2 + (1 + 4 * 2 + 2)

export function wireCostOf(connection: ModbusSettings): WireCost {
  const { byteMs, silenceMs, requestGapMs } = timingOf(connection)
  const fixedMs = silenceMs + requestGapMs
  switch (connection.type) {
    case 'modbus-tcp':
      return { exchangeMs: fixedMs + TCP_TURNAROUND_MS, dataByteMs: TCP_BYTE_MS }
    case 'modbus-rtu':
      return { exchangeMs: RTU_CHARACTERS * byteMs + fixedMs + TURNAROUND_MS, dataByteMs: byteMs }
    case 'modbus-ascii':
      return { exchangeMs: ASCII_CHARACTERS * byteMs + fixedMs + TURNAROUND_MS, dataByteMs: 2 * byteMs }
    case 'modbus-rtu-over-tcp': {
      if (!connection.line) return wireCostOf({ ...connection, line: assumedLine })
      const exchangeMs = RTU_CHARACTERS * byteMs + fixedMs + TURNAROUND_MS + TCP_TURNAROUND_MS
      return { exchangeMs, dataByteMs: byteMs }
    }
  }
}

/** One read request: `count` registers or bits. */
export function requestMs(
  cost: WireCost,
  request: { readonly register: RegisterTable; readonly count: number },
): number {
  const bytes = isBitTable(request.register) ? Math.ceil(request.count / 8) : request.count * 2
  return cost.exchangeMs + bytes * cost.dataByteMs
}
