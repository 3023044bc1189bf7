import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Counts } from '../../src/outbox/account.ts'
import { planStart, type Start, type StartFacts } from '../../src/outbox/opening.ts'
import type { Loaded } from '../../src/outbox/operations.ts'

const WALL = Date.UTC(2026, 10, 21)

const nothing: Loaded = {
  epochs: [],
  boots: [],
  uplinks: [],
  audiences: [],
  accounts: [],
  losses: [],
  firstRejected: 0,
  firstRejectedBoot: 0,
  firstRow: 0,
  firstBoot: 0,
  lastRow: 0,
  positionsKnown: true,
}

const idle = { paused: false, replay: [], hasRetries: false } as const

const epoch = (start: number, firstSeq: number, options: { clean?: boolean; through?: number } = {}) => ({
  start,
  tag: `${start}-old`,
  gateway: 'gw',
  firstSeq,
  clean: options.clean ?? false,
  through: options.through ?? firstSeq,
})

/** Two runs: the first clean, the second killed with rows up to 25. */
const killed: Loaded = {
  ...nothing,
  epochs: [epoch(1, 1, { clean: true, through: 10 }), epoch(2, 11)],
  boots: [{ boot: 1, id: 'boot-a', offsetMs: 5, known: true }],
  uplinks: [{ uplink: 1, name: 'north', ranges: [[0, 14]], skipped: [], wantedThrough: null, ...idle }],
  firstRow: 12,
  firstBoot: 1,
  lastRow: 25,
}

function start(loaded: Loaded, facts: Partial<StartFacts> = {}): Start {
  return planStart(
    loaded,
    {
      gateway: 'gw',
      boot: 'boot-a',
      mono: 1_000,
      wall: WALL,
      clockKnown: false,
      uplinks: [{ name: 'north', startAt: 'tail' }],
      ...facts,
    },
    'cafe0001',
  )
}

const body = (plan: Start) => JSON.parse(`{${plan.firstRecord.body}}`)
const counts = (plan: Start, index = 0): [number, Counts][] => [...(plan.cursors[index]?.account.entries() ?? [])]

describe('the numbers of a new epoch', () => {
  test('begin with 1 in a new database', () => {
    const plan = start(nothing)
    assert.deepEqual(plan.epochs.running, { start: 1, tag: '1-cafe0001', gateway: 'gw', firstSeq: 1 })
    assert.deepEqual(body(plan), { event: 'started', epoch: '1-cafe0001' })
  })

  test('go on from the highest row after a kill, and the first record names what was stored', () => {
    const plan = start(killed)
    assert.equal(plan.epochs.running.firstSeq, 26)
    assert.equal(plan.storedThrough, 25)
    assert.deepEqual(body(plan), {
      event: 'started',
      epoch: '3-cafe0001',
      previous: { epoch: '2-old', first: 11, stored_through: 25, clean: false },
    })
  })

  test('go on from what was issued when the stop was clean', () => {
    const plan = start({ ...killed, epochs: [epoch(1, 1, { clean: true, through: 40 })] })
    assert.equal(plan.epochs.running.firstSeq, 41)
    assert.deepEqual(body(plan).previous, { epoch: '1-old', first: 1, stored_through: 40, clean: true })
  })

  test('go on from an acknowledged number whose row is gone', () => {
    const uplinks = [
      {
        uplink: 1,
        name: 'north',
        ranges: [
          [0, 14],
          [20, 33],
        ],
        skipped: [],
        wantedThrough: null,
        ...idle,
      },
    ] as const
    assert.equal(start({ ...killed, uplinks }).epochs.running.firstSeq, 34)
  })

  test('go on from what an absent uplink had a claim to', () => {
    const uplinks = [{ uplink: 1, name: 'gone', ranges: [], skipped: [], wantedThrough: 90, ...idle }] as const
    assert.equal(start({ ...killed, uplinks }).epochs.running.firstSeq, 91)
  })

  test('are another epoch each time, so that a lost or restored database never brings an id back', () => {
    const facts = { gateway: 'gw', boot: 'b', mono: 0, wall: 0, clockKnown: false, uplinks: [] }
    const tags = new Set(Array.from({ length: 50 }, () => planStart(nothing, facts).epochs.running.tag))
    assert.equal(tags.size, 50)
    for (const tag of tags) assert.match(tag, /^1-[0-9a-f]{8}$/)
  })
})

describe('boots', () => {
  test('a restart in the same boot keeps what was known of the clock', () => {
    const { boots } = start(killed)
    assert.deepEqual(boots.current, { boot: 1, id: 'boot-a', offsetMs: 5, known: true })
  })

  test('a restart in the same boot takes the clock that is known now', () => {
    const { boots } = start(killed, { clockKnown: true })
    assert.deepEqual(boots.current, { boot: 1, id: 'boot-a', offsetMs: WALL - 1_000, known: true })
  })

  test('another boot gets a number of its own and leaves the one before alone', () => {
    const { boots } = start(killed, { boot: 'boot-b' })
    assert.deepEqual(boots.current, { boot: 2, id: 'boot-b', offsetMs: WALL - 1_000, known: false })
    assert.equal(boots.wallOf(1, 100), 105)
  })
})

describe('uplinks', () => {
  test('a known one goes on where it was', () => {
    const [cursor] = start(killed).cursors
    assert.equal(cursor?.number, 1)
    assert.deepEqual(cursor?.ranges.toJSON(), [[0, 14]])
    assert.equal(cursor?.isNew, false)
    assert.equal(cursor?.wantedThrough, undefined)
  })

  test('a new one from the tail begins with this epoch', () => {
    const plan = start(killed, {
      uplinks: [
        { name: 'north', startAt: 'tail' },
        { name: 'south', startAt: 'tail' },
      ],
    })
    const south = plan.cursors[1]
    assert.equal(south?.number, 2001)
    assert.deepEqual(south?.ranges.toJSON(), [[0, 25]])
    assert.deepEqual(
      counts(plan, 1).map(([of]) => of),
      [3],
    )
    assert.equal(south?.isNew, true)
  })

  test('a new one from the head begins with the oldest row; numbers before it in its epoch are skipped', () => {
    const plan = start(killed, {
      uplinks: [
        { name: 'north', startAt: 'tail' },
        { name: 'south', startAt: 'head' },
      ],
    })
    assert.deepEqual(plan.cursors[1]?.ranges.toJSON(), [[0, 11]])
    assert.deepEqual(
      counts(plan, 1).map(([of, { skipped }]) => [of, skipped]),
      [
        [3, 0],
        [2, 1],
      ],
    )
  })

  test('a new one from the head of an empty table begins with this epoch', () => {
    const plan = start(nothing, { uplinks: [{ name: 'north', startAt: 'head' }] })
    assert.deepEqual(plan.cursors[0]?.ranges.toJSON(), [[0, 0]])
    assert.deepEqual(
      counts(plan).map(([of]) => of),
      [1],
    )
  })

  test('one that was taken out keeps its claim through what was stored, and gets no new epoch', () => {
    const plan = start(killed, { uplinks: [{ name: 'south', startAt: 'tail' }] })
    const [north, south] = plan.cursors
    assert.equal(north?.wantedThrough, 25)
    assert.deepEqual(counts(plan), [])
    assert.equal(south?.number, 2001)
  })

  test('one that is out for longer keeps the claim it had', () => {
    const uplinks = [{ uplink: 1, name: 'north', ranges: [[0, 14]], skipped: [], wantedThrough: 20, ...idle }] as const
    const plan = start({ ...killed, uplinks }, { uplinks: [] })
    assert.equal(plan.cursors[0]?.wantedThrough, 20)
    assert.equal(plan.cursors[0]?.isBack, false)
  })

  test('one that comes back has no claim to what was issued meanwhile', () => {
    const uplinks = [{ uplink: 1, name: 'north', ranges: [[0, 14]], skipped: [], wantedThrough: 20, ...idle }] as const
    const plan = start({ ...killed, uplinks })
    const [north] = plan.cursors
    assert.equal(north?.isBack, true)
    assert.equal(north?.wantedThrough, undefined)
    assert.deepEqual(north?.skipped.toJSON(), [[21, 25]])
    assert.deepEqual(
      counts(plan).map(([of, { skipped }]) => [of, skipped]),
      [
        [2, 5],
        [3, 0],
      ],
    )
  })

  test('numbers it was absent for are remembered only until a range covers them', () => {
    const uplinks = [
      {
        uplink: 1,
        name: 'north',
        ranges: [
          [0, 14],
          [16, 22],
        ],
        skipped: [
          [17, 20],
          [15, 15],
        ],
        wantedThrough: null,
        ...idle,
      },
    ] as const
    assert.deepEqual(start({ ...killed, uplinks }).cursors[0]?.skipped.toJSON(), [[15, 15]])
  })

  test('numbers of uplinks are never used twice', () => {
    const uplinks = [{ uplink: 7, name: 'old', ranges: [], skipped: [], wantedThrough: 3, ...idle }] as const
    const plan = start({ ...killed, uplinks }, { uplinks: [{ name: 'new', startAt: 'tail' }] })
    assert.deepEqual(
      plan.cursors.map(({ number, name }) => [number, name]),
      [
        [7, 'old'],
        // From the thousand of this start: 8 may have been one that was forgotten.
        [2001, 'new'],
      ],
    )
  })
})

describe('what the start forgets', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => epoch(index + 1, index * 10 + 1))
  const boots = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ boot: index + 1, id: `b${index}`, offsetMs: 0, known: true }))
  const settled = (through: number) =>
    [{ uplink: 1, name: 'north', ranges: [[0, through]], skipped: [], wantedThrough: null, ...idle }] as const

  test('nothing of the last thousand starts', () => {
    assert.equal(
      start({ ...nothing, epochs: many(1_000), boots: boots(1_000), uplinks: settled(9_990) }).forget,
      undefined,
    )
  })

  test('older epochs and boots that nothing needs, also after a hundred and fifty thousand starts', () => {
    const loaded = { ...nothing, epochs: many(150_000), boots: boots(1_500), uplinks: settled(1_499_990) }
    assert.deepEqual(start(loaded).forget, { epochsBelow: 149_001, bootsBelow: 500 })
  })

  test('no epoch of which a row, a rejected record or a position is left', () => {
    const loaded = { ...nothing, epochs: many(3_000), uplinks: settled(29_990) }
    assert.equal(start({ ...loaded, firstRow: 501, firstBoot: 1 }).forget?.epochsBelow, 51)
    assert.equal(start({ ...loaded, firstRejected: 400 }).forget?.epochsBelow, 40)
    assert.equal(start({ ...loaded, uplinks: settled(300) }).forget?.epochsBelow, 31)
  })

  test('an absent uplink that has everything it wanted needs nothing', () => {
    const uplinks = [
      ...settled(29_990),
      { uplink: 2, name: 'gone', ranges: [[0, 50]], skipped: [], wantedThrough: 50, ...idle },
    ] as const
    assert.equal(start({ ...nothing, epochs: many(3_000), uplinks }).forget?.epochsBelow, 2_001)
  })

  test('no boot of the oldest row or of an open loss', () => {
    const loaded = { ...nothing, boots: boots(3_000), epochs: many(2), firstRow: 5, lastRow: 20 }
    assert.equal(start({ ...loaded, firstBoot: 700 }).forget?.bootsBelow, 700)
    const loss = { uplink: 1, reason: 'max_age', first: 1, last: 2, count: 2, firstMono: 0, lastBoot: 900, lastMono: 0 }
    assert.equal(start({ ...loaded, firstBoot: 700, losses: [{ ...loss, firstBoot: 300 }] }).forget?.bootsBelow, 300)
  })
})
