/** The judge of the end-to-end runs must itself find every kind of fault, or those runs prove nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Arrival, judge } from '../support/checker.ts'

const FIRST = '1-aaaaaaaa'
const SECOND = '2-bbbbbbbb'

function record(epoch: string, seq: number, rest: object = { device: 'meter', values: { n: seq } }): Arrival {
  return { topic: 'data', payload: JSON.stringify({ id: `gw/${epoch}/${seq}`, ts: 1, ...rest }) }
}

function started(epoch: string, seq: number, previous?: object): Arrival {
  return record(epoch, seq, { event: 'started', epoch, ...(previous ? { previous } : {}) })
}

const begin = started(FIRST, 1)
const restarted = (storedThrough: number, clean = false) =>
  started(SECOND, storedThrough + 1, { epoch: FIRST, first: 1, stored_through: storedThrough, clean })

describe('what keeps every promise has no faults', () => {
  test('numbers in order', () => {
    const verdict = judge([begin, record(FIRST, 2), record(FIRST, 3)])
    assert.deepEqual(verdict.faults, [])
    assert.equal(verdict.records.length, 3)
  })

  test('several records in one message', () => {
    const batch = { topic: 'data', payload: `[${record(FIRST, 2).payload},${record(FIRST, 3).payload}]` }
    assert.equal(judge([begin, batch]).records.length, 3)
  })

  test('outcomes carry their identity under another name', () => {
    const outcome = { topic: 'result', payload: `{"record":"gw/${FIRST}/2","ts":1,"id":"command-7"}` }
    assert.deepEqual(judge([begin, outcome]).faults, [])
  })

  test('records that came but were never stored, and the same numbers in the next epoch', () => {
    const verdict = judge([begin, record(FIRST, 2), record(FIRST, 3), restarted(2), record(SECOND, 4)])
    assert.deepEqual(verdict.faults, [])
    assert.equal(verdict.epochs[0]?.arrivedUnstored, 1)
  })

  test('numbers that are not for this uplink, explained', () => {
    const verdict = judge([begin, record(FIRST, 5, { after: 1 })])
    assert.deepEqual(verdict.faults, [])
    assert.deepEqual(verdict.excused, [2, 3, 4])
  })

  test('a burst of duplicates after an interruption, flagged late', () => {
    const verdict = judge(
      [
        begin,
        record(FIRST, 2),
        record(FIRST, 3),
        record(FIRST, 2),
        record(FIRST, 3, { device: 'meter', values: { n: 3 }, late: true }),
        record(FIRST, 4),
      ],
      [2],
    )
    assert.deepEqual(verdict.faults, [])
    assert.deepEqual(verdict.bursts, [{ at: 3, duplicates: 2, cause: 0 }])
    assert.equal(verdict.duplicates, 2)
  })

  test('two interruptions make two bursts', () => {
    const stream = [begin, record(FIRST, 2), record(FIRST, 2), record(FIRST, 2), record(FIRST, 3)]
    assert.deepEqual(
      judge(stream, [2, 3]).bursts.map(({ duplicates, cause }) => [duplicates, cause]),
      [
        [1, 0],
        [1, 1],
      ],
    )
  })
})

describe('what breaks a promise is a fault', () => {
  const cases: readonly [name: string, stream: readonly Arrival[], fault: RegExp][] = [
    ['a missing number', [begin, record(FIRST, 3)], /lacks 1 numbers, first 2/],
    [
      'a missing number before the end of what was stored',
      [begin, record(FIRST, 2), restarted(3)],
      /lacks 1 .* first 3/,
    ],
    ['a gap in what was not stored', [begin, record(FIRST, 3), restarted(1)], /lacks 1 numbers, first 2/],
    ['a first arrival out of order', [begin, record(FIRST, 3), record(FIRST, 2)], /2 came after .*3/],
    ['an epoch that comes back', [begin, restarted(1), record(FIRST, 2)], /came after/],
    ['an epoch without its first event', [begin, record(SECOND, 2)], /does not begin with its started event/],
    ['an epoch that names none before', [begin, started(SECOND, 2)], /names none before/],
    [
      'an epoch that names the wrong one before',
      [begin, started(SECOND, 2, { epoch: '1-cccccccc', first: 1, stored_through: 1, clean: true })],
      /the next epoch names 1-cccccccc/,
    ],
    [
      'numbers that jump between epochs',
      [begin, started(SECOND, 9, { epoch: FIRST, first: 1, stored_through: 1, clean: true })],
      /begins at 9/,
    ],
    ['a clean end that lost something', [begin, record(FIRST, 2), restarted(1, true)], /ended cleanly/],
    ['an id with other content', [begin, record(FIRST, 1, { device: 'meter' })], /other content/],
    ['an explanation that is not true', [begin, record(FIRST, 2), record(FIRST, 3, { after: 1 })], /"after" says/],
    ['duplicates nothing explains', [begin, begin], /1 duplicates at 1 without an interruption/],
    ['something that is no record', [begin, { topic: 'data', payload: '{"id":"x","ts":1}' }], /no record/],
    ['something that is not JSON', [begin, { topic: 'data', payload: '{' }], /not JSON/],
  ]
  for (const [name, stream, fault] of cases) {
    test(name, () => {
      assert.match(judge(stream).faults.join('\n'), fault)
    })
  }
})
