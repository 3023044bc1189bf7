import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusLine } from '../../src/cli/status-line.ts'
import { statusScreen } from '../../src/cli/status-screen.ts'
import { displayWidth } from '../../src/cli/table.ts'
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
    'UPLINKS  state          acked      delay  queued  oldest  delivered',
    'cloud    online 3d 00h  2.0 s ago  0.4 s  0       -       100',
    '',
    'OUTBOX  212 MiB of 4 GiB · 3 in memory · 97 records written in 2 commits',
    'INBOX   0 waiting · 14 received · 11 applied · 3 superseded',
  ])
})

test('a clock that nobody vouches for is told at the top', () => {
  assert.deepEqual(statusScreen(statusOf({ clockKnown: false })).slice(0, 3), [
    'plant7-gw01   tidegate 0.1.0   up 12d 04h',
    '   clock not vouched for (gateway.clock)   all is well',
    '',
  ])
})

test('a dead device is named with reason and next try below the row of its connection', () => {
  const boiler: DeviceStatus = {
    name: 'boiler',
    connection: 'bus-a',
    state: 'offline',
    reason: 'timeout',
    sinceMs: 41 * 60_000,
    nextProbeInMs: 38_000,
    points: [],
  }
  const status = statusOf({ devices: [boiler] })
  assert.match(rowOf(status, 'bus-a'), / 0 of 1 /)
  assert.deepEqual(below(status, 'bus-a'), ['  ! boiler offline 41 min (timeout), retry in 38 s'])
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
  assert.deepEqual(below(status, 'bus-a'), ['  ! there is no /dev/ttyUSB0 (plug the adapter in)'])
})

test('a sentence that stands at the top is not said again in the row', () => {
  const problem = { code: 'no_port', message: 'there is no /dev/ttyUSB0', hint: 'plug the adapter in' }
  const connections = statusOf().connections.map((one) => ({ ...one, state: 'failed' as const, problem }))
  const attention = ['connection bus-a: there is no /dev/ttyUSB0 (plug the adapter in)']
  assert.deepEqual(below(statusOf({ connections, attention }), 'bus-a'), ['  ! no_port, see above'])
})

test('a connection whose polls are paused says so', () => {
  const status = statusOf()
  const connections = status.connections.map((connection) => ({ ...connection, state: 'paused' as const }))
  assert.deepEqual(below(statusOf({ connections }), 'bus-a'), ['  ! polling is paused'])
})

test('a connection that a tool uses, that is overloaded or answers rubbish says so', () => {
  const withIt = (changes: Partial<ConnectionStatus>) =>
    statusOf({ connections: statusOf().connections.map((connection) => ({ ...connection, ...changes })) })
  assert.deepEqual(below(withIt({ state: 'lent' }), 'bus-a'), ['  ! used by a tool, nothing is polled'])
  const overloaded = withIt({ busy: 0.997, missedPollsLately: 14 })
  assert.match(rowOf(overloaded, 'bus-a'), / 100 % /)
  assert.deepEqual(below(overloaded, 'bus-a'), ['  ! 14 polls missed in the last minute'])
  const suspicion = { code: 'damaged', message: 'the last 9 replies were damaged', hint: 'compare the line settings' }
  assert.deepEqual(below(withIt({ suspicion }), 'bus-a'), ['  ! the last 9 replies were damaged'])
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
  const status = statusOf({ uplinks: [uplink] })
  assert.match(rowOf(status, 'billing'), /OFFLINE 2h 14m .* 268 +2h 14m /)
  assert.deepEqual(below(status, 'billing'), ['  ! certificate expired, retry in 4.0 s'])
})

test('what was given up is on the screen even while the uplink is online', () => {
  const status = statusOf({ uplinks: [uplinkOf({ dropped: 7, rejected: 1200 })] })
  assert.deepEqual(below(status, 'cloud'), ['  ! 1 200 rejected by the broker; 7 dropped'])
})

test('how an uplink sends, and what it cannot do, stand below its row', () => {
  const uplink = uplinkOf({
    order: 'live_first',
    pace: { messagesPerSecond: 20, bytesPerSecond: 65_536 },
    shortfalls: [{ code: 'canary_lost', message: 'the canary did not come back', hint: 'see the queue' }],
  })
  const manner = '  mqtt, live first, 20/s at most, 64KiB/s at most'
  assert.deepEqual(below(statusOf({ uplinks: [uplink] }), 'cloud'), [manner, '  ! the canary did not come back'])
  const attention = ['uplink cloud: the canary did not come back (see the queue)']
  assert.deepEqual(below(statusOf({ uplinks: [uplink], attention }), 'cloud'), [manner, '  ! canary_lost, see above'])
  const once = uplinkOf({ delivery: 'at_most_once' })
  assert.deepEqual(below(statusOf({ uplinks: [once] }), 'cloud'), ['  mqtt, at most once'])
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
  const [row = '', ...more] = lineAndBelow(statusOf({ storage }), 'OUTBOX')
  const text = [row, ...more.map((line) => line.trim())].join(' ')
  assert.match(text, /! the disk is full, for 60 s: delete files · set aside as/)
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

/** The row that begins with the name, and what is indented below it. */
function lineAndBelow(status: Status, name: string): string[] {
  const lines = statusScreen(status)
  const from = lines.findIndex((line) => line.startsWith(`${name} `))
  assert.ok(from >= 0, `no row for ${name}`)
  const length = lines.slice(from + 1).findIndex((line) => !line.startsWith('  '))
  return lines.slice(from, length < 0 ? undefined : from + 1 + length)
}

function rowOf(status: Status, name: string): string {
  return lineAndBelow(status, name)[0] ?? ''
}

function below(status: Status, name: string): string[] {
  return lineAndBelow(status, name).slice(1)
}

test('a paused uplink and what the card took are said, and the command that shows the backlog', () => {
  const status = statusOf({
    uplinks: [uplinkOf({ paused: true, pending: 5 })],
    storage: { state: 'ok', file: 'x', writtenBytes: 3 * 1024 ** 2 },
    attention: ['uplink cloud is paused by an operator (tidegate outbox resume cloud)'],
  })
  assert.deepEqual(below(status, 'cloud'), ['  ! paused by an operator'])
  const lines = statusScreen(status)
  assert.match(lines.join('\n'), /97 records written in 2 commits, 3 MiB\n {8}to flash\n/)
  assert.match(lines.at(-1) ?? '', / tidegate outbox$/)
})

test('however long the names, numbers and sentences, no line is wider than 80 columns', () => {
  const sentence =
    'the broker refused the connection: not authorized (0x87), "no such user in this realm, ask the operator"'
  const problem = { code: 'refused_135', message: sentence, hint: 'allow user plant7-gw01 with this client id' }
  const fortnight = 14.2 * 86_400_000
  const name = 'the-compressor-in-hall-seven-behind-the-door'
  const status = statusOf({
    gateway: 'plant7-gateway-in-the-cabinet-of-hall-seven',
    clockKnown: false,
    attention: [`uplink billing: ${sentence} (${problem.hint})`],
    connections: [
      {
        ...statusOf().connections[0],
        name: 'the-bus-behind-the-door',
        type: 'modbus-rtu-over-tcp',
        line: 'gateway-of-the-hall.plant7.example:4001',
        state: 'failed',
        problem,
        exchanges: 123_456_789,
        failures: 12_345_678,
        lastReplyAgeMs: fortnight,
      },
    ],
    devices: [
      {
        name,
        connection: 'the-bus-behind-the-door',
        state: 'offline',
        reason: 'timeout',
        sinceMs: fortnight,
        latencyMs: 12_345,
        points: ['supply_temperature', 'serial', 'c', 'd', 'e'].map((point) => ({
          name: point,
          value: point === 'serial' ? 'x'.repeat(90) : 61.3,
          quality: 'stale' as const,
          unit: '°C',
        })),
      },
    ],
    uplinks: [
      uplinkOf({
        name: 'the-cloud-of-the-customer',
        state: 'offline',
        sinceMs: fortnight,
        lastAckAgeMs: fortnight,
        oldestPendingAgeMs: fortnight,
        pending: 12_345_678,
        delivered: 123_456_789,
        order: 'live_first',
        delivery: 'at_most_once',
        pace: { messagesPerSecond: 1 / 60, bytesPerSecond: 10e6 / 60 },
        problem,
        shortfalls: [problem],
        nextTryInMs: 98_000,
        rejected: 1_234_567,
        dropped: 7_654_321,
      }),
    ],
    inbox: {
      waiting: [{ key: 'boiler-setpoint', id: 'c', value: 'y'.repeat(200), reason: 'device offline', expiresInMs: 1 }],
      received: 1_234_567,
      finished: {
        applied: 1_234_567,
        verified: 1_234_567,
        superseded: 1_234_567,
        expired: 1_234_567,
        failed: 1_234_567,
      },
    },
    storage: { state: 'failing', file: 'x', problem: { ...problem, sinceMs: fortnight }, writtenBytes: 1e12 },
  })
  const lines = statusScreen(status)
  for (const line of lines) assert.ok(displayWidth(line) <= 80, `${displayWidth(line)} columns: ${line}`)
  const text = lines.join('\n')
  assert.match(text, /^ {2}mqtt, live first, at most once, 1\/min at most, 10MB\/min at most$/m)
  assert.ok(text.replaceAll(/\s+/g, ' ').includes(`! uplink billing: ${sentence} (${problem.hint})`))
})
