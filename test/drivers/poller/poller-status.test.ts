/** What a poller says of itself: to the log, to the status, to the watchdog. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError } from '../../../src/drivers/driver.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'
import { meter, rigWith } from '../../support/poller-rig.ts'

describe('a peer that lets us in and then answers rubbish', () => {
  it('says so once in the log, and does not count as open in between', async () => {
    const { clock, driver, poller, events, lines } = rigWith([meter('a')], { random: 0.999 })
    driver.doubtful = true
    poller.start()
    await clock.advance(1_100)
    const states = new Set<string>()
    for (let second = 0; second < 600; second++) {
      await clock.advance(1_000)
      const { state, problem } = poller.status().connection
      states.add(`${state} ${problem?.code}`)
    }
    assert.deepEqual([...states], ['failed doubt'])
    assert.deepEqual(lines, [
      'info: connection opened',
      'warn: no connection: what came was no reply',
      'warn: device does not answer',
    ])
    assert.equal(events.length, 1)
    driver.doubtful = false
    await clock.advance(31_000)
    assert.deepEqual(lines.slice(3), ['info: connection is back', 'info: device answers'])
    assert.equal(poller.status().connection.state, 'open')
    await poller.stop()
  })

  it('a port that was plugged in again is back with that, whether a device answers or not', async () => {
    const { clock, driver, poller, lines } = rigWith([meter('a')], { random: 0.999 })
    driver.dead.add('a')
    poller.start()
    await clock.advance(1_000)
    driver.openFails = new LinkError('no_such_port', 'no such port')
    driver.lose(new LinkError('unplugged', 'unplugged'))
    await clock.advance(40_000)
    assert.equal(poller.status().connection.state, 'failed')
    driver.openFails = undefined
    await clock.advance(31_000)
    assert.equal(poller.status().connection.state, 'open')
    assert.deepEqual(
      lines.filter((line) => line.includes('connection')),
      [
        'info: connection opened',
        'warn: no connection: unplugged',
        'warn: no connection: no such port',
        'info: connection is back',
      ],
    )
    await poller.stop()
  })
})

describe('the status', () => {
  it('shows how busy the connection is, missed polls, and the latency that the driver knows', async () => {
    const { clock, driver, poller } = rigWith([meter('a'), meter('b')])
    driver.slowMs.set('a', 100)
    driver.slowMs.set('b', 150)
    Object.assign(driver, {
      counters: () => ({ exchanges: 7, failures: 1, troubles: {}, latencyMs: { a: 100.123456 } }),
    })
    poller.start()
    await clock.advance(120_000)
    const { connection, devices } = poller.status()
    assert.ok(Math.abs((connection.busy ?? 0) - 0.25) < 0.01, `${connection.busy}`)
    assert.deepEqual([connection.exchanges, connection.failures], [7, 1])
    assert.deepEqual(
      devices.map(({ latencyMs, missedPolls }) => ({ latencyMs, missedPolls })),
      [
        { latencyMs: 100.12, missedPolls: 0 },
        { latencyMs: undefined, missedPolls: 0 },
      ],
    )
    await poller.stop()
  })

  it('says what the driver suspects, and the log says it once', async () => {
    const { clock, driver, poller, lines } = rigWith([meter('a')])
    driver.garbled.add('a')
    driver.suspects = { code: 'damaged', message: 'all replies were damaged', hint: 'compare the line settings' }
    poller.start()
    await clock.advance(60_000)
    assert.deepEqual(poller.status().connection.suspicion, driver.suspects)
    assert.equal(lines.filter((line) => line === 'warn: all replies were damaged').length, 1)
    driver.suspects = undefined
    await clock.advance(60_000)
    assert.equal(poller.status().connection.suspicion, undefined)
    await poller.stop()
  })

  it('counts the polls of the last minute that were missed', async () => {
    const { clock, driver, poller } = rigWith([meter('a')])
    poller.start()
    await clock.advance(1_500)
    driver.slowMs.set('a', 1_900)
    await clock.advance(120_000)
    const { missedPollsLately = 0, busy = 0 } = poller.status().connection
    assert.ok(missedPollsLately >= 25 && missedPollsLately <= 35, `${missedPollsLately}`)
    assert.ok(busy > 0.9)
    driver.slowMs.clear()
    await clock.advance(70_000)
    assert.equal(poller.status().connection.missedPollsLately, 0)
    await poller.stop()
  })

  it('a connection that is always in use is busy to 1, and not more', async () => {
    const { clock, driver, poller } = rigWith([meter('a', 100)])
    driver.slowMs.set('a', 700)
    poller.start()
    await clock.advance(2_050)
    assert.ok((poller.status().connection.busy ?? 0) > 0.99)
    await clock.advance(200_000)
    const { busy = 0 } = poller.status().connection
    assert.ok(busy > 0.99 && busy <= 1, `${busy}`)
    await poller.stop()
  })
})

describe('the watchdog', () => {
  it('hears nothing from a poller that works, sleeps, waits for a slow device or has no connection', async () => {
    const { clock, driver, poller } = rigWith([meter('a', 3_600_000)], { random: 0.999 })
    poller.start()
    let worstMs = 0
    const watch = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        await clock.advance(1_000)
        worstMs = Math.max(worstMs, poller.overdueMs())
      }
    }
    await watch(4_000_000)
    driver.slowMs.set('a', 15_000)
    await watch(8_000_000)
    driver.openFails = new LinkError('refused', 'refused')
    driver.lose(new LinkError('closed', 'gone'))
    await watch(100_000)
    const lent = poller.lend(() => clock.wait(500_000))
    await watch(600_000)
    await lent
    assert.equal(worstMs, 0)
    await poller.stop()
  })

  it('hears of a driver that does not settle, not even when it is closed', async () => {
    const { clock, driver, poller } = rigWith([meter('a')])
    driver.read = () => new Promise<never>(() => {})
    poller.start()
    await clock.advance(10_000)
    assert.equal(poller.overdueMs(), 0)
    await clock.advance(300_000)
    assert.ok(poller.overdueMs() > 250_000, `${poller.overdueMs()}`)
  })

  it('hears of a port that does not open and does not fail', async () => {
    const { clock, driver, poller } = rigWith([meter('a')])
    driver.open = () => new Promise<never>(() => {})
    poller.start()
    await clock.advance(50_000)
    assert.equal(poller.overdueMs(), 0)
    await clock.advance(300_000)
    assert.ok(poller.overdueMs() > 250_000, `${poller.overdueMs()}`)
  })
})

describe('devices that speak and devices that are asked, on one line', () => {
  const scale = deviceWith({ name: 'scale', points: [pointWith({ name: 'weight', type: 'number', intervalMs: 0 })] })
  const gauge = deviceWith({
    name: 'gauge',
    request: new Uint8Array([0x52]),
    points: [pointWith({ name: 'level', type: 'number', intervalMs: 2_000 })],
  })

  it('each in its own way: one is polled, one is listened to, and neither stands for the other', async () => {
    const connection = textSettings([scale, gauge], { silentAfterMs: 5_000 })
    const { clock, driver, poller, readings, events, times } = rigWith([], { connection, listens: true })
    poller.start()
    for (let second = 0; second < 10; second++) {
      await clock.advance(1_000)
      driver.handlers?.onReading('scale', [{ point: 'weight', value: second }])
    }
    assert.deepEqual(times('read'), [0, 2_000, 4_000, 6_000, 8_000, 10_000])
    assert.equal(readings.filter(({ device }) => device === 'scale').length, 10)
    assert.deepEqual([poller.isOnline('scale'), poller.isOnline('gauge')], [true, true])
    driver.dead.add('gauge')
    await clock.advance(20_000)
    assert.deepEqual(
      events
        .slice(2)
        .map(({ event, device }) => `${device} ${event}`)
        .sort(),
      ['gauge device_offline', 'scale device_offline'],
    )
    driver.handlers?.onReading('scale', [{ point: 'weight', value: 1 }])
    assert.deepEqual([poller.isOnline('scale'), poller.isOnline('gauge')], [true, false])
    const [speaking, asked] = poller.status().devices
    assert.equal(speaking?.missedPolls, undefined)
    assert.equal(asked?.missedPolls, 0)
    assert.deepEqual(
      poller.plan().map(({ device }) => device),
      ['gauge'],
    )
    await poller.stop()
  })

  it('only those that are asked make a connection busy', async () => {
    const { poller } = rigWith([], { connection: textSettings([scale]), listens: true })
    assert.equal(poller.status().connection.busy, undefined)
  })
})
