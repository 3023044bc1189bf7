import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Account } from '../../src/outbox/account.ts'
import { Audiences } from '../../src/outbox/audiences.ts'
import { Cursor } from '../../src/outbox/cursor.ts'
import type { CursorHost } from '../../src/outbox/cursor-host.ts'
import { Epochs } from '../../src/outbox/epochs.ts'
import { Ranges } from '../../src/outbox/ranges.ts'
import { Stored } from '../../src/outbox/stored.ts'
import { Tail, type TailEntry } from '../../src/outbox/tail.ts'

const epochs = new Epochs([{ start: 1, tag: '1-aa', gateway: 'gw', firstSeq: 1 }])

/** An uplink that has settled everything through `done`; with a claim through `claim` only, it is absent. */
function uplink(done: number, claim?: number): Cursor {
  return new Cursor({} as CursorHost, {
    number: 1,
    name: 'north',
    ranges: new Ranges([[0, done]]),
    account: new Account(epochs),
    audiences: new Audiences(),
    wantedThrough: claim,
    earlierThrough: 0,
    mono: 0,
    paused: false,
    replay: [],
    hasRetries: false,
  })
}

function entries(from: number, through: number): TailEntry[] {
  const tail = new Tail(from)
  const added: TailEntry[] = []
  for (let seq = from; seq <= through; seq += 1) {
    const entry = { source: 's', body: '', mono: 0, target: 0, expires: 0, appendedAt: 0, wantedBy: 1, held: false }
    added.push(tail.push({ kind: 'data', ...entry }))
  }
  return added
}

describe('rows are removed', () => {
  const cases: readonly [
    string,
    { stored: [number, number]; here: number[]; absent?: [number, number][] },
    [number, number][],
  ][] = [
    ['once every uplink is past them', { stored: [1, 10], here: [7, 4] }, [[1, 4]]],
    ['not before', { stored: [1, 10], here: [0, 10] }, []],
    ['all, when everybody has everything', { stored: [1, 10], here: [10, 12] }, [[1, 10]]],
    ['when nobody is there to want them', { stored: [1, 10], here: [] }, [[1, 10]]],
    [
      'below what an absent uplink holds, and above it',
      { stored: [1, 30], here: [30], absent: [[4, 9]] },
      [
        [1, 4],
        [10, 30],
      ],
    ],
    [
      'without regard to an absent uplink that has all it wanted',
      { stored: [1, 30], here: [30], absent: [[9, 9]] },
      [[1, 30]],
    ],
    [
      'outside of what several absent uplinks hold',
      {
        stored: [1, 30],
        here: [25],
        absent: [
          [4, 9],
          [8, 20],
        ],
      },
      [
        [1, 4],
        [21, 25],
      ],
    ],
    ['in slices', { stored: [1, 50_000], here: [50_000] }, [[1, 10_000]]],
    ['never from an empty table', { stored: [0, 0], here: [5] }, []],
  ]
  for (const [name, { stored, here, absent = [] }, expected] of cases) {
    test(name, () => {
      const present = here.map((done) => uplink(done))
      const away = absent.map(([done, claim]) => uplink(done, claim))
      const rows = new Stored(...stored)
      assert.equal(rows.hasRemovable(present, away), expected.length > 0)
      assert.deepEqual(rows.takeRemovable(present, away), { ranges: expected, given: [] })
    })
  }

  test('slice after slice, below and above what is held, until nothing is left to do', () => {
    const rows = new Stored(1, 45_000)
    const here = [uplink(45_000)]
    const away = [uplink(12_000, 15_000)]
    const taken: unknown[] = []
    while (rows.hasRemovable(here, away)) taken.push(...rows.takeRemovable(here, away).ranges)
    assert.deepEqual(taken, [
      [1, 10_000],
      [15_001, 25_000],
      [10_001, 12_000],
      [25_001, 35_000],
      [35_001, 45_000],
    ])
  })

  test('over numbers without rows in one step, below and above what is held', () => {
    const rows = new Stored(1, 9_000_000)
    const here = [uplink(9_000_000)]
    const away = [uplink(12_000, 15_000)]
    const commit = (...next: number[]) => {
      const { ranges } = rows.takeRemovable(here, away)
      rows.passed(ranges, next)
      return ranges
    }
    const taken = [commit(12_001, 8_999_999), commit(0), commit(), commit()]
    assert.deepEqual(taken.flat(), [
      [1, 10_000],
      [15_001, 25_000],
      [8_999_999, 9_000_000],
    ])
    assert.equal(rows.first, 12_001)
  })

  test('not over what was appended meanwhile', () => {
    const rows = new Stored(1, 1_000_000)
    const { ranges } = rows.takeRemovable([uplink(1_000_000)], [])
    rows.passed(ranges, [0])
    assert.equal(rows.has(1_000_000), false)
    rows.added(entries(1_000_001, 1_000_002))
    assert.deepEqual([rows.first, rows.last], [1_000_001, 1_000_002])
  })

  test('and the table is empty until the next commit', () => {
    const rows = new Stored(1, 10)
    rows.takeRemovable([uplink(10)], [])
    assert.equal(rows.has(10), false)
    rows.added(entries(12, 14))
    assert.deepEqual(
      [11, 12, 14, 15].map((seq) => rows.has(seq)),
      [false, true, true, false],
    )
    assert.equal(rows.last, 14)
    assert.equal(rows.written, 3)
  })
})

describe('rows given up', () => {
  test('are gone at once, removed by range with the next commit, and forgotten after it', () => {
    const rows = new Stored(1, 20)
    rows.giveUp([3, 4, 5, 9])
    assert.equal(rows.hasRemovable([uplink(0)], []), true)
    assert.deepEqual(
      [3, 6, 9].map((seq) => rows.isGone(seq)),
      [true, false, true],
    )
    const removal = rows.takeRemovable([uplink(0)], [])
    assert.deepEqual(removal, {
      ranges: [
        [3, 5],
        [9, 9],
      ],
      given: [3, 4, 5, 9],
    })
    assert.equal(rows.isGone(3), true)
    assert.equal(rows.hasRemovable([uplink(0)], []), false)
    rows.giveUp([11])
    rows.removed(removal.given)
    assert.deepEqual(
      [3, 9, 11].map((seq) => rows.isGone(seq)),
      [false, false, true],
    )
  })
})
