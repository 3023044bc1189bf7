/** What says that a device is there or gone, and what does not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError } from '../../../src/drivers/driver.ts'
import { silenceOf } from '../../../src/drivers/poller/health.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'
import { meter, rigWith } from '../../support/poller-rig.ts'

const closed = () => new LinkError('closed', 'closed by the other side')

describe('a connection that the other side closes because nobody uses it', () => {
  it('is opened again at once, every time, and nobody is declared dead', async () => {
    const { clock, driver, poller, events, readings, lines, times } = rigWith([meter('a', 60_000)])
    poller.start()
    await clock.advance(1_000)
    for (let turn = 0; turn < 8; turn++) {
      await clock.advance(20_000)
      driver.lose(closed())
    }
    await clock.advance(1_000)
    assert.equal(times('open').length, 9)
    assert.deepEqual(events, [{ event: 'device_online', device: 'a' }])
    assert.ok(readings.every(({ samples }) => samples.every(({ error }) => error === undefined)))
    assert.deepEqual(times('read a'), [0, 60_000, 120_000])
    assert.ok(lines.filter((line) => line.includes('connection')).length <= 4, lines.join('\n'))
    await poller.stop()
  })

  it('is opened again after growing pauses when it is closed within seconds', async () => {
    const { clock, driver, poller, events, times } = rigWith([meter('a', 3_600_000)], { random: 0.999 })
    const open = driver.open.bind(driver)
    let isTouchy = false
    driver.open = async () => {
      await open()
      if (isTouchy) void clock.wait(10).then(() => driver.lose(closed()))
    }
    poller.start()
    await clock.advance(10_000)
    isTouchy = true
    driver.lose(closed())
    await clock.advance(600_000)
    const opens = times('open').length
    assert.ok(opens > 10 && opens < 40, `${opens} openings in ten minutes`)
    assert.equal(events.length, 1)
    await poller.stop()
  })
})

describe('a socket without replies', () => {
  it('does not take those offline that were not asked', async () => {
    const { clock, driver, poller, events } = rigWith([meter('a', 3_600_000)])
    poller.start()
    await clock.advance(10_000)
    driver.lose(new LinkError('silent', 'four requests in a row without a reply'))
    await clock.advance(10)
    driver.lose(new LinkError('silent', 'four requests in a row without a reply'))
    await clock.advance(10_000)
    assert.deepEqual(events, [{ event: 'device_online', device: 'a' }])
    await poller.stop()
  })
})

describe('devices that have been gone for long', () => {
  it('still give way to polls after the connection was opened again', async () => {
    const dead = Array.from({ length: 8 }, (_, index) => `dead${index}`)
    const devices = [meter('alive'), ...dead.map((name) => meter(name))]
    const { clock, driver, poller, times } = rigWith(devices, {
      connection: rtuSettings(devices, { timeoutMs: 1_000 }),
      random: 0.5,
    })
    driver.timeoutMs = 1_000
    for (const name of dead) driver.dead.add(name)
    poller.start()
    await clock.advance(300_500)
    driver.openFails = new LinkError('no_such_port', 'no such port')
    driver.lose(new LinkError('unplugged', 'unplugged'))
    await clock.advance(3_000)
    driver.openFails = undefined
    await clock.advance(60_000)
    const polls = times('read alive').filter((at) => at > 305_000)
    const gaps = polls.slice(1).map((at, index) => at - (polls[index] ?? 0))
    assert.ok(Math.max(...gaps) <= 2_100, `a gap of ${Math.max(...gaps)} ms`)
    await poller.stop()
  })

  it('are not looked for before the one that was away for a moment', async () => {
    const dead = Array.from({ length: 20 }, (_, index) => `dead${index}`)
    const devices = [meter('alive'), ...dead.map((name) => meter(name))]
    const { clock, driver, poller, times } = rigWith(devices, {
      connection: rtuSettings(devices, { timeoutMs: 1_000 }),
    })
    for (const name of dead) driver.dead.add(name)
    poller.start()
    await clock.advance(200_000)
    const from = clock.mono() - 1_000_000
    for (let blink = 0; blink < 10; blink++) {
      driver.dead.add('alive')
      await clock.advance(1_000)
      driver.dead.delete('alive')
      await clock.advance(29_000)
    }
    const polls = times('read alive').filter((at) => at > from)
    const gaps = polls.slice(1).map((at, index) => at - (polls[index] ?? 0))
    assert.ok(Math.max(...gaps) <= 3_000, `a gap of ${Math.max(...gaps)} ms`)
    await poller.stop()
  })
})

describe('a device that has just gone', () => {
  it('gives way to polls from its first probe on', async () => {
    const devices = ['a', 'b', 'gone'].map((name) => meter(name))
    const { clock, driver, poller, times } = rigWith(devices, {
      connection: rtuSettings(devices, { timeoutMs: 5_000 }),
    })
    poller.start()
    await clock.advance(10_500)
    driver.dead.add('gone')
    await clock.advance(30_000)
    const [, lost = 0, first = 0] = times('read gone').slice(times('read gone').findIndex((at) => at > 10_500) - 1)
    assert.ok(first - lost > 5_000, `probed ${first - lost} ms after the poll that it did not answer`)
    await poller.stop()
  })

  it('makes one last reading with a code for all its points, read or not', async () => {
    const device = deviceWith({
      name: 'a',
      points: [
        pointWith({ name: 'fast', intervalMs: 1_000 }),
        pointWith({ name: 'slow', intervalMs: 60_000 }),
        pointWith({ name: 'reset', access: 'wo' }),
      ],
    })
    const { clock, driver, poller, readings } = rigWith([device])
    poller.start()
    await clock.advance(10_500)
    driver.dead.add('a')
    await clock.advance(60_000)
    assert.deepEqual(readings.at(-1)?.samples, [
      { point: 'fast', error: 'timeout' },
      { point: 'slow', error: 'timeout' },
    ])
    await poller.stop()
  })
})

describe('evidence', () => {
  it('a reply without a value is a reply', async () => {
    const { clock, driver, poller } = rigWith([meter('a')])
    driver.read = async (_device, points) => points.map(({ name }) => ({ point: name, error: 'invalid' }))
    poller.start()
    await clock.advance(1_500)
    const { exchanges, failures } = poller.status().connection
    assert.deepEqual([exchanges, failures, poller.isOnline('a')], [2, 0, true])
    await poller.stop()
  })

  it('what was not asked says nothing about a device', async () => {
    const { clock, driver, poller, events } = rigWith([meter('a')])
    driver.dead.add('a')
    poller.start()
    await clock.advance(500)
    assert.equal(events.at(-1)?.event, 'device_offline')
    driver.read = async (_device, points) => points.map(({ name }) => ({ point: name, error: 'unsupported' }))
    await clock.run(poller.readNow('a'))
    await clock.advance(60_000)
    assert.equal(events.length, 1)
    await poller.stop()
  })

  for (const [codes, silence] of [
    [['timeout', 'write_only'], 'timeout'],
    [['unsupported', 'crc'], 'crc'],
    [['timeout', 'exception_2'], undefined],
    [['timeout', 'invalid'], undefined],
    [['read_only', 'range'], undefined],
    [[], undefined],
  ] as const) {
    it(`${codes.join(' and ') || 'nothing'}: ${silence ?? 'no silence'}`, () => {
      assert.equal(silenceOf(codes.map((error) => ({ point: 'p', error }))), silence)
    })
  }
})
