import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusLine } from '../../src/cli/status-line.ts'
import { statusScreen } from '../../src/cli/status-screen.ts'
import type { ConnectionStatus, DeviceStatus, Status } from '../../src/status.ts'
import { statusOf, uplinkOf } from '../support/status.ts'

test('a site where all is well fits one screen and has no exclamation mark', () => {
  assert.deepEqual(statusScreen(statusOf()), [
    'plant7-gw01   tidegate 0.1.0   up 12d 04h   all is well',
    '',
    'CONNECTIONS  type        line      devices  busy  failed      last reply',
    'bus-a        modbus-rtu  9600 8N1  1 of 1   12 %  0 of 1 234  0.4 s ago',
    '',
    'DEVICES     state   reply  last values',
    'main-meter  online  38 ms  power 12.4 kW',
    '',
    'UPLINKS  type  state          acked      delay  queued  oldest  delivered',
    'cloud    mqtt  online 3d 00h  2.0 s ago  0.4 s  0       -       100',
    '',
    'OUTBOX  212 MiB of 4 GiB · 3 in memory · 97 records written in 2 commits',
    'INBOX   0 waiting · 14 received · 11 applied · 3 superseded',
  ])
})

test('a dead device is named with reason and next try on the row of its connection', () => {
  const boiler: DeviceStatus = {
    name: 'boiler',
    connection: 'bus-a',
    state: 'offline',
    reason: 'timeout',
    sinceMs: 41 * 60_000,
    nextProbeInMs: 38_000,
    points: [],
  }
  const row = rowOf(statusOf({ devices: [boiler] }), 'bus-a')
  assert.match(row, /0 of 1 .* ! boiler offline 41 min \(timeout\), retry in 38 s$/)
})

test('a port that is not there says why and what to do, and does not repeat it for every device', () => {
  const status = statusOf({
    connections: [
      {
        name: 'bus-a',
        type: 'modbus-rtu',
        line: '9600 8N1',
        state: 'failed',
        problem: { code: 'no_port', message: 'there is no /dev/ttyUSB0', hint: 'plug the adapter in' },
        exchanges: 0,
        failures: 0,
      },
    ],
    devices: [{ name: 'boiler', connection: 'bus-a', state: 'offline', sinceMs: 0, points: [] }],
  })
  assert.match(rowOf(status, 'bus-a'), /- {2,}! there is no \/dev\/ttyUSB0 \(plug the adapter in\)$/)
})

test('a sentence that stands at the top is not said again in the row', () => {
  const problem = { code: 'no_port', message: 'there is no /dev/ttyUSB0', hint: 'plug the adapter in' }
  const connections = statusOf().connections.map((one) => ({ ...one, state: 'failed' as const, problem }))
  const attention = ['connection bus-a: there is no /dev/ttyUSB0 (plug the adapter in)']
  assert.match(rowOf(statusOf({ connections, attention }), 'bus-a'), /ago +! no_port, see above$/)
})

test('a connection whose polls are paused says so', () => {
  const status = statusOf()
  const connections = status.connections.map((connection) => ({ ...connection, state: 'paused' as const }))
  assert.match(rowOf(statusOf({ connections }), 'bus-a'), /! polling is paused$/)
})

test('a connection that a tool uses, that is overloaded or answers rubbish says so', () => {
  const screenOf = (changes: Partial<ConnectionStatus>) => {
    const connections = statusOf().connections.map((connection) => ({ ...connection, ...changes }))
    return rowOf(statusOf({ connections }), 'bus-a')
  }
  assert.match(screenOf({ state: 'lent' }), /! used by a tool, nothing is polled$/)
  assert.match(screenOf({ busy: 0.997, missedPollsLately: 14 }), / 100 % .*! 14 polls missed in the last minute$/)
  const suspicion = { code: 'damaged', message: 'the last 9 replies were damaged', hint: 'compare the line settings' }
  assert.match(screenOf({ suspicion }), /! the last 9 replies were damaged$/)
})

test('an uplink that is down is in capitals, with backlog, age and reason', () => {
  const uplink = uplinkOf({
    name: 'billing',
    state: 'offline',
    sinceMs: 8_040_000,
    pending: 268,
    oldestPendingAgeMs: 8_040_000,
    problem: { code: 'tls', message: 'certificate expired' },
    nextTryInMs: 4_000,
  })
  const row = rowOf(statusOf({ uplinks: [uplink] }), 'billing')
  assert.match(row, /OFFLINE 2h 14m .* 268 +2h 14m .* ! certificate expired, retry in 4.0 s$/)
})

test('what was given up is on the screen even while the uplink is online', () => {
  const row = rowOf(statusOf({ uplinks: [uplinkOf({ dropped: 7, rejected: 1200 })] }), 'cloud')
  assert.match(row, /! 1 200 rejected by the broker; 7 dropped$/)
})

test('how an uplink sends stands with its type, and what it cannot do stands in its row', () => {
  const uplink = uplinkOf({
    order: 'live_first',
    pace: { messagesPerSecond: 20, bytesPerSecond: 65_536 },
    shortfalls: [{ code: 'canary_lost', message: 'the canary did not come back', hint: 'see the queue' }],
  })
  assert.match(rowOf(statusOf({ uplinks: [uplink] }), 'cloud'), /^cloud +mqtt, live first, 20\/s, 64 KiB\/s {2}online/)
  assert.match(rowOf(statusOf({ uplinks: [uplink] }), 'cloud'), /! the canary did not come back$/)
  const attention = ['uplink cloud: the canary did not come back (see the queue)']
  assert.match(rowOf(statusOf({ uplinks: [uplink], attention }), 'cloud'), /! canary_lost, see above$/)
  const once = uplinkOf({ delivery: 'at_most_once' })
  assert.match(rowOf(statusOf({ uplinks: [once] }), 'cloud'), /^cloud +mqtt, at most once {2}online/)
})

test('things that need a human stand at the top, and the last line names the command that helps', () => {
  const lines = statusScreen(statusOf({ attention: ['boiler is silent', 'billing: certificate expired'] }))
  assert.match(lines[0] ?? '', /2 things need attention$/)
  assert.deepEqual(lines.slice(1, 3), ['! boiler is silent', '! billing: certificate expired'])
  assert.match(lines.at(-1) ?? '', /^next: {2}journalctl -u tidegate/)
})

test('waiting commands are listed with their expiry, and many are counted', () => {
  const waiting = ['a', 'b', 'c', 'd', 'e'].map((key) => ({
    key,
    id: key,
    value: '55',
    reason: 'device offline',
    expiresInMs: 1_260_000,
  }))
  const lines = statusScreen(statusOf({ inbox: { waiting, received: 5, finished: {}, repeatedWrites: 2 } }))
  assert.ok(lines.includes('INBOX   5 waiting · 5 received · 2 written again'))
  assert.ok(lines.includes('        a 55 waits: device offline, expires in 21 min'))
  assert.ok(lines.includes('        and 2 others: tidegate inbox'))
})

test('a failing disk and a recovered database are told with the outbox', () => {
  const problem = { code: 'disk_full', message: 'the disk is full', hint: 'delete files', sinceMs: 60_000 }
  const storage = { state: 'failing', problem, file: 'x', recovered: 'set aside as tidegate.db.damaged' } as const
  assert.match(rowOf(statusOf({ storage }), 'OUTBOX'), /! the disk is full, for 60 s: delete files · set aside as/)
})

test('the line for systemctl counts devices and names every uplink with its queue', () => {
  assert.equal(statusLine(statusOf()), '1/1 devices, cloud online, 0 queued')
  const status = statusOf({
    uplinks: [uplinkOf(), uplinkOf({ name: 'billing', state: 'offline', pending: 1268 })],
    attention: ['billing is offline'],
  })
  assert.equal(
    statusLine(status),
    '1/1 devices, cloud online, 0 queued, billing offline, 1 268 queued, 1 needs attention',
  )
})

function rowOf(status: Status, name: string): string {
  const row = statusScreen(status).find((line) => line.startsWith(`${name} `))
  assert.ok(row, `no row for ${name}`)
  return row
}

test('a paused uplink and what the card took are said, and the command that shows the backlog', () => {
  const status = statusOf({
    uplinks: [uplinkOf({ paused: true, pending: 5 })],
    storage: { state: 'ok', file: 'x', writtenBytes: 3 * 1024 ** 2 },
    attention: ['uplink cloud is paused by an operator (tidegate outbox resume cloud)'],
  })
  assert.match(rowOf(status, 'cloud'), /! paused by an operator$/)
  const lines = statusScreen(status)
  assert.ok(lines.some((line) => line.endsWith('97 records written in 2 commits, 3 MiB to flash')))
  assert.match(lines.at(-1) ?? '', / tidegate outbox$/)
})
