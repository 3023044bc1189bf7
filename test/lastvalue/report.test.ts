import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isNews, type Reported, Reports } from '../../src/lastvalue/report.ts'
import type { Sample, Value } from '../../src/model.ts'
import type { ReportSettings } from '../../src/settings.ts'
import { deviceWith, pointWith } from '../support/bus-settings.ts'

function at(mono: number, given: Value | { readonly error: string }): Reported {
  const sample: Sample = typeof given === 'object' ? { point: 'p', ...given } : { point: 'p', value: given }
  return { sample, mono }
}

const timeout = { error: 'timeout' }
const crc = { error: 'crc' }

/** What was reported last, what is read a second later, and whether that is news. */
const table: readonly [
  name: string,
  report: ReportSettings,
  before: Value | { readonly error: string },
  after: Value | { readonly error: string },
  isNews: boolean,
][] = [
  ['the same number', {}, 1, 1, false],
  ['another number', {}, 1, 1.0000001, true],
  ['zero and minus zero', {}, 0, -0, false],
  ['not a number, again', {}, Number.NaN, Number.NaN, false],
  ['a number after not a number', { deadband: { absolute: 5 } }, Number.NaN, 1, true],
  ['infinity after a number', { deadband: { percent: 50 } }, 1, Number.POSITIVE_INFINITY, true],
  ['the same text', {}, 'run', 'run', false],
  ['another text, whatever the deadband', { deadband: { absolute: 100 } }, 'run', 'stop', true],
  ['a contact that changed', { deadband: { absolute: 100 } }, false, true, true],
  ['a contact that did not', {}, true, true, false],
  ['within the deadband', { deadband: { absolute: 0.5 } }, 20, 20.4, false],
  ['at the deadband', { deadband: { absolute: 0.5 } }, 20, 20.5, false],
  ['at the deadband but for rounding', { deadband: { absolute: 0.1 } }, 0.2, 0.3, false],
  ['over the deadband', { deadband: { absolute: 0.5 } }, 20, 20.51, true],
  ['over the deadband, downwards', { deadband: { absolute: 0.5 } }, 20, 19.49, true],
  ['a deadband of nothing', { deadband: { absolute: 0 } }, 20, 20.000001, true],
  ['a deadband of nothing, and no change', { deadband: { absolute: 0 } }, 20, 20, false],
  ['within percent', { deadband: { percent: 2 } }, 200, 204, false],
  ['over percent', { deadband: { percent: 2 } }, 200, 204.1, true],
  ['within percent of a negative value', { deadband: { percent: 2 } }, -200, -196, false],
  ['over percent of a negative value', { deadband: { percent: 2 } }, -200, -195.9, true],
  ['percent of zero: any change', { deadband: { percent: 50 } }, 0, 0.001, true],
  ['64 bits, the last digit', {}, 18446744073709551614n, 18446744073709551615n, true],
  ['64 bits, within the deadband', { deadband: { absolute: 1 } }, 18446744073709551614n, 18446744073709551615n, false],
  [
    '64 bits, over the deadband by one',
    { deadband: { absolute: 1 } },
    18446744073709551613n,
    18446744073709551615n,
    true,
  ],
  ['64 bits, percent', { deadband: { percent: 1 } }, 10_000_000_000_000_000_000n, 10_100_000_000_000_000_001n, false],
  [
    '64 bits, over percent',
    { deadband: { percent: 1 } },
    10_000_000_000_000_000_000n,
    10_200_000_000_000_000_000n,
    true,
  ],
  ['an error begins', { deadband: { absolute: 100 } }, 1, timeout, true],
  ['the error is another one', { deadband: { absolute: 100 } }, timeout, crc, true],
  ['the error goes on', { deadband: { absolute: 100 } }, timeout, timeout, false],
  ['the error ends, with the value of before', { deadband: { absolute: 100 } }, timeout, 1, true],
  ['not yet time', { atLeastEveryMs: 60_000 }, 1, 1, false],
]

describe('what is news', () => {
  for (const [name, report, before, after, expected] of table) {
    it(name, () => {
      assert.equal(isNews(pointWith({ name: 'p', report }), at(6_000, after), at(5_000, before)), expected)
    })
  }

  it('everything, without a rule', () => {
    assert.equal(isNews(pointWith({ name: 'p' }), at(6_000, 1), at(5_000, 1)), true)
  })

  it('the first value and the first error', () => {
    const point = pointWith({ name: 'p', report: { deadband: { absolute: 5 } } })
    assert.equal(isNews(point, at(0, 1), undefined), true)
    assert.equal(isNews(point, at(0, timeout), undefined), true)
  })
})

describe('at_least_every', () => {
  /** Times of the polls that are reported when nothing changes. */
  function reported(intervalMs: number, atLeastEveryMs: number, jitterMs: readonly number[]): number[] {
    const point = pointWith({ name: 'p', intervalMs, report: { atLeastEveryMs } })
    let last: Reported | undefined
    const times: number[] = []
    for (let poll = 0; poll < 40; poll++) {
      const now = at(poll * intervalMs + (jitterMs[poll % jitterMs.length] ?? 0), 1)
      if (!isNews(point, now, last)) continue
      last = now
      times.push(now.mono)
    }
    return times
  }

  it('is kept to the poll where it is a multiple of the interval, also when polls come a little early or late', () => {
    assert.deepEqual(reported(10_000, 60_000, [0]).slice(0, 4), [0, 60_000, 120_000, 180_000])
    assert.deepEqual(reported(10_000, 60_000, [0, 90, 20]).slice(0, 3), [0, 60_000, 120_000])
    assert.deepEqual(reported(10_000, 60_000, [90, 0, 20, 0, 0, 0, 30, 90]).slice(0, 2), [90, 60_030])
  })

  it('is met by the poll before where it is none', () => {
    assert.deepEqual(reported(7_000, 60_000, [0]).slice(0, 3), [0, 56_000, 112_000])
  })

  it('reports every poll where it is shorter than the interval', () => {
    assert.deepEqual(reported(10_000, 5_000, [0]).slice(0, 3), [0, 10_000, 20_000])
  })

  it('holds for errors that go on, and for what comes at no fixed interval', () => {
    const point = pointWith({ name: 'p', intervalMs: 0, report: { atLeastEveryMs: 60_000 } })
    assert.equal(isNews(point, at(59_000, timeout), at(0, timeout)), false)
    assert.equal(isNews(point, at(60_000, timeout), at(0, timeout)), true)
    assert.equal(isNews(point, at(59_960, 1), at(0, 1)), true, 'it came a little early')
  })

  it('holds for a schedule: what counts is when the next time comes', () => {
    const point = pointWith({ name: 'p', intervalMs: 0, schedule: '*/10 * * * *', report: { atLeastEveryMs: 900_000 } })
    let nextInMs = 600_000
    const reports = new Reports([deviceWith({ name: 'a', points: [point] })], { untilNextMs: () => nextInMs })
    const isReported = (mono: number) =>
      reports.news({ device: 'a', samples: [at(mono, 1).sample], mono }) !== undefined
    assert.equal(isReported(0), true)
    assert.equal(isReported(600_040), true, 'the next one, after 20 minutes, is too late')
    nextInMs = 200_000
    assert.equal(isReported(1_200_000), false)
  })

  it('is never exceeded by more than a poll may be late', () => {
    const arbitrary = fc.record({
      intervalMs: fc.integer({ min: 100, max: 20_000 }),
      atLeastEveryMs: fc.integer({ min: 1_000, max: 60_000 }),
    })
    fc.assert(
      fc.property(arbitrary, ({ intervalMs, atLeastEveryMs }) => {
        const times = reported(intervalMs, atLeastEveryMs, [0])
        const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
        assert.ok(gaps.every((gap) => gap <= Math.max(atLeastEveryMs + 250, intervalMs)))
      }),
    )
  })
})

describe('a reading', () => {
  const meter = deviceWith({
    name: 'meter',
    points: [
      pointWith({ name: 'power', report: { deadband: { absolute: 10 } } }),
      pointWith({ name: 'state', report: {} }),
      pointWith({ name: 'energy' }),
    ],
  })
  const plain = deviceWith({ name: 'plain', points: [pointWith({ name: 'power' })] })

  const reading = (mono: number, values: Readonly<Record<string, number>>, device = 'meter') => ({
    device,
    mono,
    samples: Object.entries(values).map(([point, value]) => ({ point, value })),
  })

  it('is thinned to what is news, and is no record at all when nothing is', () => {
    const reports = new Reports([meter, plain])
    const first = reading(0, { power: 100, state: 1 })
    assert.deepEqual(reports.news(first), first)
    assert.equal(reports.news(reading(1_000, { power: 109, state: 1 })), undefined)
    assert.deepEqual(reports.news(reading(2_000, { power: 105, state: 2 })), reading(2_000, { state: 2 }))
  })

  it('is compared with what was reported, not with what was read: slow drift does not go unnoticed', () => {
    const reports = new Reports([meter])
    const seen: number[] = []
    for (let step = 0; step <= 50; step++) {
      const news = reports.news(reading(step * 1_000, { power: 100 + step }))
      if (news) seen.push(Number(news.samples[0]?.value))
    }
    assert.deepEqual(seen, [100, 111, 122, 133, 144])
  })

  it('keeps points without a rule, devices without one, and points that are not configured', () => {
    const reports = new Reports([meter, plain])
    for (const mono of [0, 1_000]) {
      assert.deepEqual(reports.news(reading(mono, { energy: 5, other: 1 })), reading(mono, { energy: 5, other: 1 }))
      const one = reading(mono, { power: 5 }, 'plain')
      assert.equal(reports.news(one), one)
    }
  })

  it('never holds back more than the deadband, whatever the values do', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const reports = new Reports([meter])
        let shown = Number.NaN
        values.forEach((value, index) => {
          const news = reports.news(reading(index * 1_000, { power: value }))
          if (news) shown = value
          assert.ok(Math.abs(value - shown) <= 10 * (1 + 1e-6), `${value} is read and ${shown} was reported`)
        })
      }),
    )
  })
})
