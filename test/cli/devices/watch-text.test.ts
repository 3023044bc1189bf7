import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WatchText } from '../../../src/cli/devices/watch-text.ts'

const ts = new Date(2026, 10, 21, 6, 5, 4, 30).getTime()

test('one line a value, error and event; the columns grow as they must', () => {
  const text = new WatchText({ changes: false })
  const lines = [
    text.of({ ts, device: 'm', point: 'u', value: 230.5, unit: 'V' }),
    text.of({ ts, device: 'meter', point: 'energy', value: '18446744073709551615', unit: 'Wh' }),
    text.of({ ts, device: 'm', point: 'u', error: 'timeout' }),
    text.of({ ts, device: 'm', event: 'device_offline', reason: 'timeout' }),
    text.of({ missed: 12 }),
  ]
  assert.deepEqual(lines, [
    '06:05:04.030  m.u  230.5 V',
    '06:05:04.030  meter.energy  18446744073709551615 Wh',
    '06:05:04.030  m.u           ! timeout: no reply',
    '06:05:04.030  m             * device_offline (timeout: no reply)',
    '(12 lines were left out: they came more quickly than they were taken)',
  ])
})

test('with --changes a line is news when it differs from the one before of its point', () => {
  const text = new WatchText({ changes: true })
  const value = (point: string, now: number) => text.isNews({ ts, device: 'm', point, value: now })
  assert.deepEqual(
    [value('u', 1), value('u', 1), value('i', 1), value('u', 2), value('u', 1)],
    [true, false, true, true, true],
  )
  const error = () => text.isNews({ ts, device: 'm', point: 'u', error: 'timeout' })
  assert.deepEqual([error(), error(), value('u', 1)], [true, false, true])
  assert.ok(text.isNews({ ts, device: 'm', event: 'device_online' }))
  assert.ok(new WatchText({ changes: false }).isNews({ ts, device: 'm', point: 'u', value: 1 }))
})
