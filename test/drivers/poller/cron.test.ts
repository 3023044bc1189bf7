/** Scheduled times by the wall clock: days when clocks are put forward or back, and clocks that are set. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { cronTimes } from '../../../src/drivers/poller/cron.ts'
import { CronGroup } from '../../../src/drivers/poller/cron-group.ts'
import { pointWith } from '../../support/bus-settings.ts'

/** Clocks are put forward at 02:00 on 29 March 2026 and back at 03:00 on 25 October 2026. */
const ZONE = 'Europe/Berlin'

before(() => {
  process.env['TZ'] = ZONE
  assert.equal(new Date(2026, 6, 1).getTimezoneOffset(), -120)
})

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** "2026-10-25 02:30:00+01:00": local time and what it is ahead of UTC. */
function shown(time: number): string {
  const date = new Date(time)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${clock}+${two(-date.getTimezoneOffset() / 60)}:00`
}

function nextTimes(expression: string, after: string, count: number): string[] {
  const next = cronTimes(expression)
  const times: number[] = []
  for (let time = Date.parse(after); times.length < count; ) {
    time = next(time)
    times.push(time)
  }
  return times.map(shown)
}

describe('a cron expression', () => {
  const table: readonly [expression: string, after: string, expected: string[]][] = [
    ['*/15 * * * *', '2026-07-01T08:15:00Z', ['2026-07-01 10:30:00+02:00', '2026-07-01 10:45:00+02:00']],
    ['*/20 * * * * *', '2026-07-01T08:15:59Z', ['2026-07-01 10:16:00+02:00', '2026-07-01 10:16:20+02:00']],
    ['0 6 * * 1-5', '2026-07-03T12:00:00Z', ['2026-07-06 06:00:00+02:00', '2026-07-07 06:00:00+02:00']],
    ['0 0 L * *', '2026-01-31T12:00:00Z', ['2026-02-28 00:00:00+01:00', '2026-03-31 00:00:00+02:00']],
    ['30 4 29 2 *', '2026-01-01T00:00:00Z', ['2028-02-29 04:30:00+01:00', '2032-02-29 04:30:00+01:00']],
    ['@daily', '2026-12-31T12:00:00Z', ['2027-01-01 00:00:00+01:00', '2027-01-02 00:00:00+01:00']],
    // Put forward: 02:30 does not come, every half hour goes on.
    ['30 2 * * *', '2026-03-28T12:00:00Z', ['2026-03-30 02:30:00+02:00']],
    ['*/30 * * * *', '2026-03-29T00:20:00Z', ['2026-03-29 01:30:00+01:00', '2026-03-29 03:00:00+02:00']],
    ['0 3 * * *', '2026-03-28T12:00:00Z', ['2026-03-29 03:00:00+02:00', '2026-03-30 03:00:00+02:00']],
    // Put back: 02:30 comes twice and counts once, what is due in every hour counts twice.
    ['30 2 * * *', '2026-10-24T12:00:00Z', ['2026-10-25 02:30:00+02:00', '2026-10-26 02:30:00+01:00']],
    ['30 2 * * *', '2026-10-25T00:45:00Z', ['2026-10-26 02:30:00+01:00']],
    ['0 3 * * *', '2026-10-24T12:00:00Z', ['2026-10-25 03:00:00+01:00']],
    ['30 * * * *', '2026-10-25T00:20:00Z', ['2026-10-25 02:30:00+02:00', '2026-10-25 02:30:00+01:00']],
  ]
  for (const [expression, after, expected] of table) {
    it(`${expression} after ${after}`, () => assert.deepEqual(nextTimes(expression, after, expected.length), expected))
  }

  it('that never comes is never due', () => {
    assert.equal(cronTimes('0 0 5 1 1#2')(Date.parse('2026-01-01T00:00:00Z')), Number.POSITIVE_INFINITY)
  })

  it('that cannot be read is an error', () => {
    assert.throws(() => cronTimes('61 * * * *'))
  })

  it('comes at every time that matches, and at no other', () => {
    const next = cronTimes('*/7 3,9-11 * * *')
    const start = Date.parse('2026-03-27T00:00:00Z')
    const found: number[] = []
    for (let time = next(start); time < start + 4 * DAY; time = next(time)) found.push(time)
    const expected: number[] = []
    for (let time = start + 60_000; time < start + 4 * DAY; time += 60_000) {
      const date = new Date(time)
      if ([3, 9, 10, 11].includes(date.getHours()) && date.getMinutes() % 7 === 0) expected.push(time)
    }
    assert.deepEqual(found, expected)
  })
})

/** A group, a clock that can be set, and the wall times at which the group was read. */
function rig(expression: string, startWall: string) {
  const group = new CronGroup(expression, [pointWith({ name: 'energy' })], cronTimes(expression))
  let mono = 1_000
  let wall = Date.parse(startWall)
  const read: string[] = []
  let missed = 0
  const look = () => {
    group.look({ mono, wall })
    if (!group.isDue) return
    missed += group.take()
    read.push(shown(wall))
  }
  look()
  return {
    group,
    read,
    missed: () => missed,
    run(ms: number, stepMs = 1_000) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        mono += stepMs
        wall += stepMs
        look()
      }
    },
    set(text: string) {
      wall = Date.parse(text)
      look()
    },
    /** Nobody looked meanwhile. */
    busy(ms: number) {
      mono += ms
      wall += ms
      look()
    },
  }
}

describe('a schedule', () => {
  it('is searched for once, however often it is looked at within a millisecond', () => {
    let searches = 0
    const group = new CronGroup('0 * * * *', [], (after) => {
      searches += 1
      return (Math.floor(after / HOUR) + 1) * HOUR
    })
    const start = Date.parse('2026-07-01T09:00:00Z')
    for (let look = 0; look < 100; look++) {
      const now = Math.floor(look / 10)
      group.look({ mono: now, wall: start + now })
    }
    assert.ok(searches <= 2, `${searches} searches`)
  })

  it('is due at its times and says how long until the next', () => {
    const { group, run, read } = rig('0 * * * *', '2026-07-01T08:59:30Z')
    assert.equal(group.dueInMs(Date.parse('2026-07-01T08:59:30Z')), 30_000)
    run(2 * HOUR)
    assert.deepEqual(read, ['2026-07-01 11:00:00+02:00', '2026-07-01 12:00:00+02:00'])
  })

  it('a clock set back by a quarter of an hour makes nothing due twice', () => {
    const { run, set, read } = rig('*/10 * * * *', '2026-07-01T08:58:00Z')
    run(5 * 60_000)
    set('2026-07-01T08:48:00Z')
    run(30 * 60_000)
    assert.deepEqual(read, [
      '2026-07-01 11:00:00+02:00',
      '2026-07-01 10:50:00+02:00', // had not come yet: the gateway started at 10:58
      '2026-07-01 11:10:00+02:00',
    ])
  })

  it('a clock set forward by a few seconds over a time does not lose it', () => {
    const { run, set, read, missed } = rig('0 * * * *', '2026-07-01T08:59:00Z')
    run(50_000)
    set('2026-07-01T09:00:20Z')
    run(60_000)
    assert.deepEqual(read, ['2026-07-01 11:00:20+02:00'])
    assert.equal(missed(), 0)
  })

  it('a clock that was years behind: nothing of the years between is due', () => {
    const { run, set, read } = rig('0 0 * * *', '1970-01-01T00:00:30Z')
    run(60_000)
    set('2026-07-01T08:00:00Z')
    run(60_000)
    assert.deepEqual(read, [])
    run(DAY, 10_000)
    assert.deepEqual(read, ['2026-07-02 00:00:00+02:00'])
  })

  it('a clock that was years ahead: the times to come are due all the same', () => {
    const { run, set, read } = rig('0 0 * * *', '2036-07-01T08:00:00Z')
    run(60_000)
    set('2026-07-01T08:00:00Z')
    run(DAY, 10_000)
    assert.deepEqual(read, ['2026-07-02 00:00:00+02:00'])
  })

  it('on the days when clocks are put forward and back it is due once', () => {
    for (const start of ['2026-03-28T12:00:00Z', '2026-10-24T12:00:00Z']) {
      const { run, read } = rig('30 3 * * *', start)
      run(DAY, 10_000)
      assert.equal(read.length, 1, read.join(' '))
    }
  })

  it('a time that passed while the bus was busy is read late, further ones are counted', () => {
    const { busy, read, missed } = rig('* * * * *', '2026-07-01T08:00:10Z')
    busy(3 * 60_000)
    assert.deepEqual(read, ['2026-07-01 10:03:10+02:00'])
    assert.equal(missed(), 2)
  })

  it('however the clock is set, no time is due twice', () => {
    const step = fc.oneof(
      fc.record({ run: fc.integer({ min: 1_000, max: 400_000 }) }),
      fc.record({ by: fc.integer({ min: -2 * HOUR, max: 2 * HOUR }) }),
      fc.record({ by: fc.constantFrom(-10 * 365 * DAY, 10 * 365 * DAY) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const next = cronTimes('*/5 * * * *')
        const group = new CronGroup('*/5 * * * *', [], next)
        const counted = new Set<number>()
        let [mono, wall] = [0, Date.parse('2026-07-01T08:00:00Z')]
        let due = 0
        group.look({ mono, wall })
        for (const each of steps) {
          const ranMs = 'run' in each ? each.run : 0
          mono += ranMs
          wall += 'by' in each ? each.by : ranMs
          group.look({ mono, wall })
          if (group.isDue) due += group.take() + 1
          // All that can have been due: what was lived through, and what a step of up to an hour passed over.
          const from = wall - ('by' in each && each.by > 0 && each.by <= HOUR ? each.by : ranMs)
          for (let time = next(from); time <= wall; time = next(time)) counted.add(time)
        }
        assert.ok(due <= counted.size, `${due} were due, there were ${counted.size} times`)
      }),
      { numRuns: 300 },
    )
  })
})
