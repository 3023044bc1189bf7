/** No device hurts another: dead ones, slow ones, and those that come back (P7). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError } from '../../../src/drivers/driver.ts'
import { rtuSettings } from '../../support/bus-settings.ts'
import { meter, rigWith } from '../../support/poller-rig.ts'

/** Twenty registers at 9600 baud: 8 + 45 characters, the silence between frames, and 10 ms in the device. */
const EXCHANGE_MS = 72

describe('a bus of ten units at 9600 baud, three of them dead', () => {
  for (const { what, intervalMs, timeoutMs } of [
    { what: 'at one second, probes as short as the line allows', intervalMs: 1_000, timeoutMs: 150 },
    { what: 'at one second, probes that need half of it', intervalMs: 1_000, timeoutMs: 500 },
    { what: 'at two seconds, probes that need one', intervalMs: 2_000, timeoutMs: 1_000 },
  ]) {
    it(`the seven others keep their interval: ${what}`, async () => {
      const names = Array.from({ length: 10 }, (_, index) => `unit${index}`)
      const dead = ['unit2', 'unit5', 'unit8']
      const devices = names.map((name) => meter(name, intervalMs))
      const connection = rtuSettings(devices, { timeoutMs })
      const { clock, driver, poller, events, times } = rigWith(devices, { connection })
      driver.timeoutMs = timeoutMs
      for (const name of names) driver.slowMs.set(name, EXCHANGE_MS)
      for (const name of dead) driver.dead.add(name)
      poller.start()
      // At the start nobody knows who is dead: each of the three costs one timeout once.
      const settledMs = Math.ceil((3 * timeoutMs) / intervalMs + 1) * intervalMs
      const minutes = 10
      await clock.advance(settledMs + minutes * 60_000 - 1)
      const missedAtStart = settledMs / intervalMs
      for (const name of names.filter((each) => !dead.includes(each))) {
        const polls = times(`read ${name}`).filter((at) => at >= settledMs)
        assert.equal(polls.length, (minutes * 60_000) / intervalMs, `${name} was polled ${polls.length} times`)
        polls.forEach((at, index) => {
          const lateMs = at - settledMs - index * intervalMs
          assert.ok(lateMs >= 0 && lateMs < intervalMs, `${name} was ${lateMs} ms late`)
        })
        const missed = poller.status().devices.find((device) => device.name === name)?.missedPolls ?? 0
        assert.ok(missed <= missedAtStart, `${name} missed ${missed}`)
      }
      for (const name of dead) {
        const probes = times(`read ${name} power`)
        // 1, 2, 4 ... 60 s: some fifteen in ten minutes, and not one more than the pauses allow.
        assert.ok(probes.length >= 10 && probes.length <= 16, `${name} was probed ${probes.length} times`)
      }
      assert.equal(events.filter(({ event }) => event === 'device_offline').length, 3)
      await poller.stop()
    })
  }

  it('on a bus that has no gaps at all they are probed all the same, one at a time', async () => {
    const devices = ['a', 'b', 'dead1', 'dead2'].map((name) => meter(name, 1_000))
    const { clock, driver, poller, times } = rigWith(devices)
    for (const name of ['a', 'b']) driver.slowMs.set(name, 700)
    for (const name of ['dead1', 'dead2']) driver.dead.add(name)
    poller.start()
    await clock.advance(300_000)
    const probesOf = (name: string) => times(`read ${name} power`)
    const probes = [...probesOf('dead1'), ...probesOf('dead2')].sort((x, y) => x - y)
    assert.ok(probes.length >= 10, `${probes.length} probes in five minutes`)
    for (const [index, at] of probes.slice(1).entries()) assert.ok(at - (probes[index] ?? 0) >= 5_000)
    await poller.stop()
  })
})

describe('a slow device', () => {
  it('gets its share of a bus that cannot serve all, and not more', async () => {
    const devices = [meter('slow', 1_000), ...['a', 'b', 'c'].map((name) => meter(name, 1_000))]
    const { clock, driver, poller, times } = rigWith(devices)
    driver.slowMs.set('slow', 3_000)
    for (const name of ['a', 'b', 'c']) driver.slowMs.set(name, 50)
    poller.start()
    await clock.advance(300_000)
    const slow = times('read slow').length
    assert.ok(slow >= 40, `the slow one was polled ${slow} times`)
    for (const name of ['a', 'b', 'c']) {
      const { missedPolls: missed = 0 } = poller.status().devices.find((device) => device.name === name) ?? {}
      // Each of its polls costs the others what it takes; none of them loses more than that.
      assert.ok(missed <= slow * 3, `${name} missed ${missed} while the slow one was polled ${slow} times`)
      assert.ok(times(`read ${name}`).length >= slow, `${name} was polled ${times(`read ${name}`).length} times`)
    }
    await poller.stop()
  })

  it('does not get more turns than the quick ones when all are always due', async () => {
    const devices = [meter('slow', 100), ...['a', 'b', 'c', 'd', 'e'].map((name) => meter(name, 100))]
    const { clock, driver, poller, times } = rigWith(devices)
    driver.slowMs.set('slow', 2_000)
    for (const name of ['a', 'b', 'c', 'd', 'e']) driver.slowMs.set(name, 100)
    poller.start()
    await clock.advance(300_000)
    const busyMs = times('read slow').length * 2_000
    assert.ok(busyMs <= 300_000 / 4, `the slow one had the bus for ${busyMs} of 300000 ms`)
    assert.ok(busyMs >= 300_000 / 8, `the slow one had the bus for ${busyMs} of 300000 ms`)
    await poller.stop()
  })
})

describe('a device that comes back', () => {
  it('says for how long it was away, and the polls of that time do not count as missed', async () => {
    const { clock, driver, poller, events } = rigWith([meter('a'), meter('b')])
    poller.start()
    await clock.advance(1_500)
    driver.dead.add('a')
    await clock.advance(40_000)
    driver.dead.delete('a')
    await clock.advance(40_000)
    const [offline, online] = events.slice(2)
    assert.deepEqual(offline, { event: 'device_offline', device: 'a', reason: 'timeout' })
    assert.equal(online?.event, 'device_online')
    assert.ok((online?.awayMs ?? 0) > 40_000 - 1_000 && (online?.awayMs ?? 0) < 80_000, `${online?.awayMs}`)
    assert.equal(poller.missedPolls, 0)
    await poller.stop()
  })

  it('after all were gone: the others are looked for at once', async () => {
    const { clock, driver, poller, events } = rigWith(['a', 'b', 'c'].map((name) => meter(name)))
    poller.start()
    await clock.advance(1_500)
    for (const name of ['a', 'b', 'c']) driver.dead.add(name)
    await clock.advance(200_000)
    driver.dead.clear()
    events.length = 0
    const start = clock.mono()
    while (events.length === 0 && clock.mono() - start < 61_000) await clock.advance(10)
    await clock.advance(500)
    assert.deepEqual(events.map(({ device }) => device).sort(), ['a', 'b', 'c'])
    await poller.stop()
  })
})

describe('a connection that comes back', () => {
  it('brings all its devices back at once, also where there are no gaps for probes', async () => {
    const devices = Array.from({ length: 10 }, (_, index) => meter(`d${index}`, 1_000))
    const connection = rtuSettings(devices, { timeoutMs: 1_000 })
    const { clock, driver, poller, events } = rigWith(devices, { connection, random: 0.5 })
    for (const { name } of devices) driver.slowMs.set(name, 60)
    poller.start()
    await clock.advance(1_650)
    driver.openFails = new LinkError('no_such_port', 'no such port')
    driver.lose(new LinkError('unplugged', 'unplugged'))
    await clock.advance(5_000)
    assert.equal(events.filter(({ event }) => event === 'device_offline').length, 10)
    driver.openFails = undefined
    await clock.advance(3_000)
    assert.equal(events.filter(({ event }) => event === 'device_online').length, 20)
    await poller.stop()
  })

  it('is noticed with the first try, and everybody is read again', async () => {
    const { clock, driver, poller, events, times } = rigWith([meter('a'), meter('b')], { random: 0.999 })
    poller.start()
    await clock.advance(1_800)
    driver.openFails = new LinkError('unplugged', 'unplugged')
    driver.lose(new LinkError('unplugged', 'gone'))
    await clock.advance(100_000)
    driver.openFails = undefined
    await clock.advance(31_000)
    const back = times('open').at(-1) ?? 0
    assert.deepEqual(
      events.slice(-2).map(({ event }) => event),
      ['device_online', 'device_online'],
    )
    assert.ok((times('read b energy').find((at) => at > back) ?? Infinity) < back + 100)
    const { opens = 0, failedOpens = 0, failures } = poller.status().connection
    assert.deepEqual([opens - failedOpens, failures], [2, 0])
    assert.ok(failedOpens > 3)
    await poller.stop()
  })
})
