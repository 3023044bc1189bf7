/** The screens of `tidegate inbox`, as texts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listText } from '../../src/cli/inbox/ls.ts'
import { inboxScreen } from '../../src/cli/inbox/screen.ts'
import { commandText } from '../../src/cli/inbox/show.ts'
import type { InboxReport, ListedCommand } from '../../src/inbox-api.ts'

const ts = new Date(2026, 10, 20, 6, 0, 5).getTime()

function commandOf(changes: Partial<ListedCommand> = {}): ListedCommand {
  return {
    key: 'boiler-setpoint',
    id: 'c-17',
    arrival: 41,
    uplink: 'cloud',
    state: 'verified',
    value: '55',
    ts,
    ageMs: 180_000,
    attempts: 1,
    crashes: 0,
    doubt: false,
    finishedTs: ts + 2_000,
    tookMs: 2_000,
    ...changes,
  }
}

const waiting = commandOf({ state: 'waiting', waitsFor: 'device offline', expiresInMs: 27 * 60_000, attempts: 0 })

function reportOf(changes: Partial<InboxReport> = {}): InboxReport {
  return {
    running: true,
    keys: [
      {
        key: 'boiler-setpoint',
        does: 'boiler.setpoint',
        states: { waiting: 1, verified: 12, applied: 2, superseded: 3 },
      },
      {
        key: 'jobs',
        does: '/usr/bin/relay {value}',
        mode: 'queue',
        states: { failed: 1 },
        highest: { version: 8, id: 'x' },
      },
      { key: 'old', states: { applied: 1 } },
    ],
    live: 14,
    next: [waiting],
    kept: 19,
    counts: { received: 19, duplicates: 1, retainedIgnored: 0, repeatedWrites: 2 },
    ...changes,
  }
}

const wide = { columns: Number.POSITIVE_INFINITY }

test('one screen: the keys with what became of their commands, what waits and for what, the latest', () => {
  const latest = [commandOf(), commandOf({ id: 'c-16', state: 'superseded', supersededBy: 'c-17' })]
  assert.deepEqual(inboxScreen(reportOf(), { latest, ...wide }), [
    'KEY              waiting  applied  failed  superseded  version  what it does',
    'boiler-setpoint        1       14       0           3        -  boiler.setpoint',
    'jobs                   0        0       1           0        8  /usr/bin/relay {value} (queue)',
    'old                    0        1       0           0        -  -',
    '',
    'WAITING          id    value  since  expires in  for',
    'boiler-setpoint  c-17  55     3 min      27 min  device offline',
    'and 13 others: tidegate inbox ls --state waiting',
    '',
    'LATEST           id    value  ended                state',
    'boiler-setpoint  c-17  55     2026-11-20 06:00:07  verified',
    'boiler-setpoint  c-16  55     2026-11-20 06:00:07  superseded: by c-17',
    '',
    '19 received since the start · 1 repeat · 2 written again',
  ])
})

test('nothing waits, nothing is known', () => {
  const { counts: _, ...none } = reportOf({ keys: [], live: 0, next: [], kept: 0 })
  assert.deepEqual(inboxScreen(none, { latest: [], ...wide }), [
    'No command is configured, and none is known.',
    '',
    'Nothing waits.',
  ])
})

test('a list: one line each, cut at the width of the terminal', () => {
  const { ts: _, ...timeless } = waiting
  const failed = commandOf({ state: 'failed', readBack: '70', reason: 'read back 70 after writing 75' })
  assert.deepEqual(listText([failed, timeless], 82), [
    'NO  came                 key              id    value  state',
    '41  2026-11-20 06:00:05  boiler-setpoint  c-17  55     failed: read back 70 after…',
    '41  ?                    boiler-setpoint  c-17  55     waiting: device offline',
  ])
})

test('one command in full: what is not known is said, not left out', () => {
  assert.deepEqual(commandText(commandOf({ version: 8, crashes: 1, attempts: 2, doubt: true, replyTo: 'a/b' })), [
    'id         c-17',
    'key        boiler-setpoint',
    'value      55',
    'version    8',
    'state      verified',
    'from       cloud',
    'answer to  a/b',
    'came       2026-11-20 06:00:05, 3 min ago',
    'ended      2026-11-20 06:00:07, 2.0 s after it came',
    'attempts   2, of which the agent did not survive 1',
    '           one of them may have reached the device although no reply came',
  ])
  const { ts: _, ageMs: __, value: ___, finishedTs: ____, tookMs: _____, ...bare } = waiting
  assert.deepEqual(commandText(bare), [
    'id         c-17',
    'key        boiler-setpoint',
    'value      none',
    'state      waiting',
    'waits for  device offline',
    'from       cloud',
    'came       the clock was not known',
    'expires    in 27 min',
    'attempts   0',
  ])
})

test('on a narrow terminal what a command waits for is still to be seen', () => {
  const next = [{ ...waiting, id: 'order-2026-11-20-000017', value: '{"target":40,"run":true,"name":"a long one"}' }]
  const lines = inboxScreen(reportOf({ next, live: 1 }), { latest: [], columns: 80 })
  const at = lines.findIndex((line) => line.startsWith('WAITING'))
  assert.deepEqual(lines.slice(at, at + 2), [
    'WAITING          id                  value     since  expires in  for',
    'boiler-setpoint  order-2026-11-20-…  {"targe…  3 min      27 min  device offline',
  ])
  assert.ok(lines.every((line) => line.length <= 80))
})

test('a long reason of one command is broken into lines', () => {
  const reason =
    'run failed after target: exception_4: writing controller.run = true: the device refused with exception 4'
  const lines = commandText(commandOf({ state: 'failed', reason }))
  const at = lines.findIndex((line) => line.startsWith('reason'))
  assert.deepEqual(lines.slice(at, at + 2), [
    'reason    run failed after target: exception_4: writing controller.run = true:',
    '          the device refused with exception 4',
  ])
})
