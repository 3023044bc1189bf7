/** Polls by the wall clock: its multiples where it is known, and schedules. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { deviceWith, pointWith } from '../../support/bus-settings.ts'
import { meter, rigWith } from '../../support/poller-rig.ts'

before(() => {
  process.env['TZ'] = 'Europe/Berlin'
})

type Rig = ReturnType<typeof rigWith>

/** Wall times of the reads of these points, as the clock stood at the end, without the date. */
function wallTimes({ clock, driver }: Rig, what: string): string[] {
  const offset = clock.wall() - clock.mono()
  return driver.calls
    .filter((call) => call.what === what)
    .map((call) => new Date(call.at + offset).toISOString().slice(11, 23))
}

describe('intervals', () => {
  it('where the clock is known fall on its multiples, after a first poll at once', async () => {
    const device = deviceWith({
      name: 'a',
      points: [pointWith({ name: 'power', intervalMs: 10_000 }), pointWith({ name: 'energy', intervalMs: 60_000 })],
    })
    const rig = rigWith([device], { isClockKnown: () => true, random: 0.5 })
    const { clock, poller } = rig
    clock.setWall(Date.parse('2026-07-01T08:00:33.300Z') - clock.wall())
    poller.start()
    await clock.advance(60_000)
    assert.deepEqual(wallTimes(rig, 'read a power,energy'), ['08:00:33.550', '08:01:00.000'])
    assert.deepEqual(wallTimes(rig, 'read a power'), [
      '08:00:40.000',
      '08:00:50.000',
      '08:01:10.000',
      '08:01:20.000',
      '08:01:30.000',
    ])
    await poller.stop()
  })

  it('go on as they are until the clock becomes known', async () => {
    let known = false
    const rig = rigWith([meter('a', 60_000)], { isClockKnown: () => known })
    const { clock, poller, times } = rig
    clock.setWall(Date.parse('2026-07-01T08:00:20Z') - clock.wall())
    poller.start()
    await clock.advance(130_000)
    assert.deepEqual(times('read a'), [0, 60_000, 120_000])
    known = true
    poller.clockChanged()
    await clock.advance(100_000)
    assert.deepEqual(wallTimes(rig, 'read a energy,power').slice(3), ['08:03:00.000', '08:04:00.000'])
    await poller.stop()
  })

  it('a clock that is set by years, forth and back, fires nothing twice and loses nothing', async () => {
    const rig = rigWith([meter('a', 10_000)], { isClockKnown: () => true })
    const { clock, poller, times } = rig
    poller.start()
    const year = 365 * 86_400_000
    for (const byMs of [0, 10 * year + 3_700, -20 * year, 4_900, -4_900, 5_100, 10 * year]) {
      clock.setWall(byMs)
      poller.clockChanged()
      await clock.advance(60_000)
    }
    const polls = times('read a')
    const gaps = polls.slice(2).map((at, index) => at - (polls[index + 1] ?? 0))
    assert.ok(
      gaps.every((gap) => gap >= 5_000 && gap <= 15_000),
      gaps.join(' '),
    )
    assert.ok(polls.length >= 40 && polls.length <= 44, `${polls.length} polls in seven minutes`)
    assert.equal(poller.missedPolls, 0)
    await poller.stop()
  })

  it('a clock that drifts is followed', async () => {
    const rig = rigWith([meter('a', 10_000)], { isClockKnown: () => true })
    const { clock, poller } = rig
    poller.start()
    for (let second = 0; second < 1_000; second++) {
      clock.setWall(-3)
      await clock.advance(1_003)
    }
    const [last = ''] = wallTimes(rig, 'read a energy,power').slice(-1)
    // Three seconds altogether, of which the last poll knows all but those since the one before.
    assert.match(last, /^\d\d:\d\d:(\d9\.9\d\d|\d0\.0\d\d)$/)
    await poller.stop()
  })
})

describe('a schedule', () => {
  const scheduled = deviceWith({
    name: 'a',
    points: [pointWith({ name: 'power', intervalMs: 0, schedule: '*/5 * * * *' })],
  })
  const both = deviceWith({
    name: 'a',
    points: [
      pointWith({ name: 'power', intervalMs: 60_000 }),
      pointWith({ name: 'energy', type: 'uint32', intervalMs: 0, schedule: '0 0 * * *' }),
    ],
  })

  it('fires by the wall clock as it is; before, the device is looked for without a reading', async () => {
    const rig = rigWith([scheduled])
    const { clock, poller, readings, events } = rig
    clock.setWall(Date.parse('2026-07-01T08:03:20Z') - clock.wall())
    poller.start()
    await clock.advance(1_000)
    assert.deepEqual(readings, [])
    assert.deepEqual(events, [{ event: 'device_online', device: 'a' }])
    await clock.advance(600_000)
    assert.deepEqual(wallTimes(rig, 'read a power').slice(1), ['08:05:00.000', '08:10:00.000'])
    assert.equal(readings.length, 2)
    await poller.stop()
  })

  it('is read together with what is due by interval', async () => {
    const rig = rigWith([both], { isClockKnown: () => true })
    const { clock, poller } = rig
    clock.setWall(Date.parse('2026-06-30T21:58:30Z') - clock.wall())
    poller.start()
    await clock.advance(180_000)
    assert.deepEqual(wallTimes(rig, 'read a power,energy'), ['22:00:00.000'])
    assert.deepEqual(wallTimes(rig, 'read a power'), ['21:58:30.000', '21:59:00.000', '22:01:00.000'])
    await poller.stop()
  })

  it('a clock set while the poller sleeps is noticed within a second', async () => {
    const rig = rigWith([scheduled])
    const { clock, poller, readings } = rig
    clock.setWall(Date.parse('2026-07-01T08:01:00Z') - clock.wall())
    poller.start()
    await clock.advance(10_300)
    clock.setWall(230_000) // 08:05:00.3
    await clock.advance(1_000)
    assert.equal(readings.length, 1)
    clock.setWall(-20_000)
    await clock.advance(60_000)
    assert.equal(readings.length, 1, 'five minutes past eight has been')
    await poller.stop()
  })

  it('of a device that was away, one time that passed is read when it is back', async () => {
    const rig = rigWith([both])
    const { clock, driver, poller, readings } = rig
    clock.setWall(Date.parse('2026-06-30T21:30:00Z') - clock.wall())
    poller.start()
    await clock.advance(10 * 60_000)
    driver.dead.add('a')
    await clock.advance(30 * 60_000)
    driver.dead.delete('a')
    readings.length = 0
    await clock.advance(3 * 60_000)
    assert.deepEqual(
      readings[0]?.samples.map(({ point }) => point),
      ['power', 'energy'],
    )
    assert.ok(readings.slice(1).every(({ samples }) => samples.length === 1))
    assert.equal(poller.missedPolls, 0)
    await poller.stop()
  })
})
