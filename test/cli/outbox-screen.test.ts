/** The screens of `tidegate outbox`, as texts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listText } from '../../src/cli/outbox/ls.ts'
import { rejectedText } from '../../src/cli/outbox/rejected.ts'
import { outboxScreen } from '../../src/cli/outbox/screen.ts'
import { verifiedText } from '../../src/cli/outbox/verify.ts'
import type { ListedRecord, OutboxReport, OutboxUplink, VerifiedEpoch } from '../../src/outbox-api.ts'

const GIB = 1024 ** 3

function uplinkOf(changes: Partial<OutboxUplink> = {}): OutboxUplink {
  return {
    name: 'cloud',
    paused: false,
    state: 'online',
    sinceMs: 3 * 86_400_000 + 2 * 3_600_000,
    issued: 184_467,
    delivered: 184_467,
    pending: 0,
    dropped: 0,
    rejected: 0,
    notWanted: 0,
    skipped: 0,
    replayed: 0,
    outPerSecond: 2.04,
    ...changes,
  }
}

function reportOf(changes: Partial<OutboxReport> = {}): OutboxReport {
  return {
    gateway: 'plant7-gw01',
    epoch: '17-3f9a2c1b',
    running: true,
    head: 184_467,
    uplinks: [uplinkOf()],
    absent: [],
    inPerSecond: 2.04,
    disk: {
      file: '/var/lib/tidegate/tidegate.db',
      usedBytes: 212 * 1024 ** 2,
      maxBytes: 4 * GIB,
      freeBytes: 21 * GIB,
      inMemory: 3,
      writtenRecords: 9_700,
      writtenBytes: 9_700 * 412,
    },
    ...changes,
  }
}

const billing = uplinkOf({
  name: 'billing',
  state: 'offline',
  sinceMs: 134 * 60_000,
  problem: 'TLS: certificate expired 2026-11-19',
  delivered: 184_199,
  pending: 268,
  oldestAgeMs: 134 * 60_000,
  outPerSecond: 0,
})

test('a backlog, an uplink that was taken out and the books on one screen of 80 columns', () => {
  const { paused: _, ...old } = uplinkOf({ name: 'old-mq', issued: 99, delivered: 0, pending: 99, oldestAgeMs: 3e8 })
  const lines = outboxScreen(reportOf({ uplinks: [uplinkOf(), billing], absent: [old] }))
  assert.deepEqual(lines, [
    'plant7-gw01   epoch 17-3f9a2c1b   newest record 184 467',
    '',
    'UPLINK   state           waiting  oldest  in/s  out/s  drains in',
    'cloud    online 3d 02h         0       -   2.0    2.0          -',
    'billing  OFFLINE 2h 14m      268  2h 14m   2.0    0.0          -',
    '  ! TLS: certificate expired 2026-11-19',
    'old-mq   not configured       99  3d 11h     -      -          -',
    '  its records are kept for it; to give them up: tidegate outbox forget old-mq',
    '',
    'BOOKS     issued  delivered  waiting  dropped  rejected  not its  again',
    'cloud    184 467    184 467        0        0         0        0      0',
    'billing  184 467    184 199      268        0         0        0      0',
    'old-mq        99          0       99        0         0        0      0',
    '',
    'DISK  212 MiB of 4 GiB used · 21 GiB free on the disk · 3 records in memory',
    '      9 700 records written since the start, 3.8 MiB to flash (412 B each)',
    '',
    'next:  tidegate outbox ls --uplink billing',
  ])
  assert.ok(Math.max(...lines.map((line) => line.length)) <= 80)
})

test('what is paused, given up or rejected is said in words, with the command that helps', () => {
  const bad = uplinkOf({ paused: true, dropped: 1682, rejected: 1, replayed: 5, pending: 7, drainsInMs: 41_000 })
  const lines = outboxScreen(reportOf({ uplinks: [bad] }))
  assert.deepEqual(lines.slice(3, 7), [
    'cloud   PAUSED        7       -   2.0    2.0       41 s',
    '  ! paused by an operator; to go on: tidegate outbox resume cloud',
    '  ! 1 682 records given up by a limit or by hand',
    '  ! 1 record rejected by the broker: tidegate outbox rejected',
  ])
})

test('without an agent, nothing is claimed about links, rates and limits', () => {
  const { state: _state, sinceMs: _since, outPerSecond: _out, ...cloud } = uplinkOf({ pending: 7 })
  const { inPerSecond: _in, ...report } = reportOf({ running: false, uplinks: [cloud] })
  const lines = outboxScreen({ ...report, disk: { file: 'x', usedBytes: 2048 } })
  assert.equal(lines[3], 'cloud   not running        7       -     -      -          -')
  assert.equal(lines.at(-3), 'DISK  2 KiB used')
  assert.match(lines.at(-1) ?? '', /^next: {2}systemctl start tidegate/)
})

function recordOf(changes: Partial<ListedRecord>): ListedRecord {
  return {
    seq: 9,
    idPrefix: 'gw/17-3f9a2c1b/',
    kind: 'data',
    source: 'boiler',
    body: '"device":"boiler","values":{"supply_temp":61.3}',
    ts: new Date(2026, 10, 20, 6, 0, 5).getTime(),
    clockKnown: true,
    boot: 1,
    mono: 0,
    late: false,
    waitsFor: ['cloud'],
    ...changes,
  }
}

test('a list has one line for each record, with numbers aligned, cut at the edge of the terminal', () => {
  const records = [
    recordOf({}),
    recordOf({ seq: 10, kind: 'event', source: '', body: '"event":"started"', waitsFor: ['cloud', 'billing'] }),
    recordOf({ seq: 11, clockKnown: false, waitsFor: [] }),
  ]
  assert.deepEqual(listText(records, 80), [
    'SEQ  read                  kind   waits for      content',
    '  9  2026-11-20 06:00:05   data   cloud          boiler "values":{"supply_temp"…',
    ' 10  2026-11-20 06:00:05   event  cloud,billing  "event":"started"',
    ' 11  2026-11-20 06:00:05?  data   delivered      boiler "values":{"supply_temp"…',
  ])
})

test('rejected records show why, and whether they are to be sent again', () => {
  const ts = new Date(2026, 10, 20, 6, 0, 5).getTime()
  const common = { uplink: 'cloud', id: 'x', ts, kind: 'data', source: 'boiler', body: '' } as const
  const lines = rejectedText(
    [
      { ...common, seq: 9, reason: 'packet too large (149)', retry: false },
      { ...common, seq: 123_456, reason: 'topic name invalid (144)', retry: true },
    ],
    100,
  )
  assert.deepEqual(lines, [
    '   SEQ  uplink  read                 source  reason',
    '     9  cloud   2026-11-20 06:00:05  boiler  packet too large (149)',
    '123456  cloud   2026-11-20 06:00:05  boiler  (to be sent again) topic name invalid (144)',
  ])
})

test('a verification shows every sum; a wrong one is on top, and the rest of a long history is only counted', () => {
  const epochs = Array.from(
    { length: 30 },
    (_, index): VerifiedEpoch => ({
      uplink: 'cloud',
      epoch: `${index + 1}-3f9a2c1b`,
      issued: 1_000,
      delivered: 990,
      waiting: 10,
      dropped: 0,
      rejected: 0,
      notWanted: 0,
      skipped: 0,
      missing: 0,
    }),
  )
  const good = verifiedText({ ok: true, epochs, rows: 300, head: 30_000 })
  assert.equal(good.length, 1 + 20 + 1 + 2)
  assert.equal(good[1], 'cloud   11-3f9a2c1b   1 000        990       10        0         0        0')
  assert.equal(good.at(-3), 'and 10 epochs before, which add up')
  assert.equal(good.at(-1), 'Everything adds up: 300 rows counted, through record 30 000.')

  const [first, ...others] = epochs
  assert.ok(first)
  const bad = verifiedText({
    ok: false,
    epochs: [{ ...first, waiting: 7, missing: 3 }, ...others],
    rows: 297,
    head: 30_000,
  })
  assert.match(bad[1] ?? '', /^cloud +1-3f9a2c1b .* ! lacks 3$/)
  assert.match(bad.at(-1) ?? '', /^! The books are not right/)
})
