import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceAttention } from '../src/device-attention.ts'
import type { ConnectionStatus, DeviceStatus } from '../src/status.ts'

function bus(changes: Partial<ConnectionStatus> = {}): ConnectionStatus {
  return { name: 'bus', type: 'modbus-rtu', line: '9600 8N1', state: 'open', exchanges: 9, failures: 0, ...changes }
}

function devices(count: number, silent: readonly number[], reason?: string): DeviceStatus[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `d${index}`,
    connection: 'bus',
    state: silent.includes(index) ? 'offline' : 'online',
    ...(silent.includes(index) && reason !== undefined && { reason }),
    sinceMs: 5_000,
    points: [],
  }))
}

const problem = { code: 'no_such_port', message: 'there is no /dev/ttyUSB0', hint: 'plug the adapter in' }
const suspicion = { code: 'damaged', message: 'the last 9 replies were damaged', hint: 'compare the line settings' }

const table: readonly [what: string, ConnectionStatus, readonly DeviceStatus[], readonly string[]][] = [
  ['nothing', bus(), devices(3, []), []],
  ['a silent device', bus(), devices(3, [1], 'timeout'), ['device d1 is silent (timeout)']],
  ['the only device there is', bus(), devices(1, [0], 'timeout'), ['device d0 is silent (timeout)']],
  [
    'all of several',
    bus(),
    devices(3, [0, 1, 2], 'timeout'),
    ['connection bus: none of its 3 devices answers (timeout): check power, wiring, line settings and unit ids'],
  ],
  [
    'many of more',
    bus(),
    devices(9, [0, 2, 4, 6, 8], 'crc'),
    ['connection bus: 5 of 9 devices are silent (d0, d2, d4 and 2 more)'],
  ],
  [
    'a port that is not there, once for all its devices',
    bus({ state: 'failed', problem }),
    devices(3, [0, 1, 2], 'no_such_port'),
    ['connection bus: there is no /dev/ttyUSB0 (plug the adapter in)'],
  ],
  [
    'replies that are all damaged, once for all its devices',
    bus({ suspicion }),
    devices(3, [0, 1, 2], 'crc'),
    ['connection bus: the last 9 replies were damaged (compare the line settings)'],
  ],
  ['a busy bus that keeps up', bus({ busy: 0.99, missedPollsLately: 0 }), devices(3, []), []],
  ['polls that a command displaced', bus({ busy: 0.3, missedPollsLately: 2 }), devices(3, []), []],
  [
    'an overloaded bus',
    bus({ busy: 0.996, missedPollsLately: 14 }),
    devices(3, []),
    [
      'connection bus is in use 100 % of the time and cannot keep up: 14 polls were missed in the last minute (longer intervals, fewer points or a faster line help: tidegate plan)',
    ],
  ],
]

for (const [what, connection, all, expected] of table) {
  test(`what needs a human: ${what}`, () => assert.deepEqual(deviceAttention([connection], all), expected))
}
