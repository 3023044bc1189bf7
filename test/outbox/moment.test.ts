import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMoment } from '../../src/outbox/moment.ts'

test('a number is a record, a number with a unit an age, a date a time', () => {
  assert.deepEqual(parseMoment('184467', 'since'), { seq: 184_467 })
  assert.deepEqual(parseMoment('2h', 'since'), { ageMs: 7_200_000 })
  assert.deepEqual(parseMoment('1.5 d', 'since'), { ageMs: 129_600_000 })
  assert.deepEqual(parseMoment('90s', 'since'), { ageMs: 90_000 })
  assert.deepEqual(parseMoment('2026-11-20T06:00:00Z', 'since'), { ts: Date.UTC(2026, 10, 20, 6) })
  assert.deepEqual(parseMoment('2026-11-20T06:00:00+01:00', 'since'), { ts: Date.UTC(2026, 10, 20, 5) })
})

test('a time without a zone is that of the clock on the wall, with a date alone from midnight', () => {
  assert.deepEqual(parseMoment('2026-11-20T06:30', 'since'), { ts: new Date(2026, 10, 20, 6, 30).getTime() })
  assert.deepEqual(parseMoment('2026-11-20 06:30', 'since'), { ts: new Date(2026, 10, 20, 6, 30).getTime() })
  assert.deepEqual(parseMoment('2026-11-20', 'since'), { ts: new Date(2026, 10, 20).getTime() })
})

test('what is none of them is refused, with what it was given for', () => {
  for (const text of ['', 'yesterday', '2 weeks', '-5', '2026-13-45', '1e3', 'head']) {
    assert.throws(() => parseMoment(text, 'since'), {
      code: 'usage',
      message: new RegExp(`cannot read since "${text}"`),
    })
  }
})
