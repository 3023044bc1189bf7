import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TURNAROUND_MS } from '../../../src/drivers/line.ts'
import { assumedLine, requestMs, wireCostOf } from '../../../src/drivers/modbus/cost.ts'
import type { LineSettings, ModbusSettings } from '../../../src/settings.ts'
import { rtuSettings, tcpSettings } from '../../support/bus-settings.ts'

const line: LineSettings = { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 }
const twenty = { register: 'holding', count: 20 } as const

function close(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} ms, expected ${expected} ms`)
}

describe('the time a request takes', () => {
  it('RTU: 20 registers at 9600 baud are 53 characters, the silence and the turnaround', () => {
    close(requestMs(wireCostOf(rtuSettings([], { line })), twenty), (53 + 3.5) * (10 / 9.6) + TURNAROUND_MS)
  })

  it('a character has start, data, parity and stop bits', () => {
    const odd = rtuSettings([], { line: { baud: 1000, dataBits: 8, parity: 'even', stopBits: 2 } })
    close(wireCostOf(odd).dataByteMs, 12)
  })

  it('the silence is a fixed 1.75 ms on fast lines, and the request gap comes on top', () => {
    const fast = rtuSettings([], { line: { ...line, baud: 115_200 }, requestGapMs: 20 })
    close(requestMs(wireCostOf(fast), twenty), 53 * (10 / 115.2) + 1.75 + 20 + TURNAROUND_MS)
  })

  it('bits travel eight to a character', () => {
    const cost = wireCostOf(rtuSettings([], { line }))
    close(requestMs(cost, { register: 'coil', count: 9 }) - requestMs(cost, { register: 'coil', count: 8 }), 10 / 9.6)
    close(requestMs(cost, { register: 'coil', count: 8 }) - requestMs(cost, { register: 'coil', count: 1 }), 0)
  })

  it('ASCII takes two characters a byte', () => {
    const { port, direction, ...common } = rtuSettings([], { line })
    const ascii: ModbusSettings = { ...common, port, direction, type: 'modbus-ascii' }
    const cost = wireCostOf(ascii)
    close(cost.dataByteMs, (2 * 10) / 9.6)
    // `:010300000014E8` CR LF and `:010328....LRC` CR LF.
    close(requestMs(cost, twenty), (17 + 11 + 80 + 3.5) * (10 / 9.6) + TURNAROUND_MS)
  })

  it('RTU through a converter takes the line and the network; a line that is not configured is a usual one', () => {
    const through: ModbusSettings = { ...tcpSettings([]), type: 'modbus-rtu-over-tcp' }
    const rtuMs = requestMs(wireCostOf(rtuSettings([], { line: assumedLine })), twenty)
    const tcpMs = wireCostOf(tcpSettings([])).exchangeMs
    close(requestMs(wireCostOf({ ...through, line: assumedLine }), twenty), rtuMs + tcpMs)
    assert.deepEqual(wireCostOf(through), wireCostOf({ ...through, line: assumedLine }))
  })
})
