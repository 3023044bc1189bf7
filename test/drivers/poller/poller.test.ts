import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError, WriteError } from '../../../src/drivers/driver.ts'
import { deviceWith, pointWith, rtuSettings, tcpSettings, textSettings } from '../../support/bus-settings.ts'
import { meter, rigWith, TIMEOUT_MS } from '../../support/poller-rig.ts'

describe('polling', () => {
  it('reads all points of a device in one reading, at even times', async () => {
    const { clock, poller, readings, times, events } = rigWith([meter('a')])
    poller.start()
    await clock.advance(3_500)
    assert.deepEqual(times('read a energy,power'), [0, 1_000, 2_000, 3_000])
    assert.equal(readings.length, 4)
    assert.deepEqual(readings[0]?.samples, [
      { point: 'energy', value: 1 },
      { point: 'power', value: 1 },
    ])
    assert.deepEqual(events, [{ event: 'device_online', device: 'a' }])
    await poller.stop()
  })

  it('the first poll is spread, later ones keep that phase', async () => {
    const { clock, poller, times } = rigWith([meter('a')], { random: 0.5 })
    poller.start()
    await clock.advance(2_600)
    assert.deepEqual(times('read a'), [250, 1_250, 2_250])
    await poller.stop()
  })

  it('one call at a time, and devices take turns even when the bus cannot keep up', async () => {
    const { clock, driver, poller, times } = rigWith([meter('a'), meter('b'), meter('c')])
    for (const name of ['a', 'b', 'c']) driver.slowMs.set(name, 600)
    poller.start()
    await clock.advance(30_000)
    const counts = ['a', 'b', 'c'].map((name) => times(`read ${name}`).length)
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(' '))
    const all = times('read')
    for (let index = 1; index < all.length; index++) assert.ok((all[index] ?? 0) - (all[index - 1] ?? 0) >= 600)
    assert.ok(poller.missedPolls >= 20, `${poller.missedPolls} polls were missed`)
    await poller.stop()
  })
})

describe('a dead device', () => {
  it('costs its neighbours one short probe, with growing pauses, and they keep their period (P7)', async () => {
    const { clock, driver, poller, times } = rigWith([meter('dead'), meter('a'), meter('b')])
    driver.dead.add('dead')
    poller.start()
    await clock.advance(179_900)
    assert.deepEqual(times('read dead energy,power'), [0])
    const probes = times('read dead power')
    const pauses = probes.map((at, index) => at - (probes[index - 1] ?? 0))
    for (const [index, expected] of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000].entries()) {
      const pause = pauses[index] ?? Number.NaN
      assert.ok(pause >= expected && pause <= expected + TIMEOUT_MS + 20, `pause ${index} is ${pause}, not ${expected}`)
    }
    for (const name of ['a', 'b']) {
      const polls = times(`read ${name}`)
      assert.equal(polls.length, 180)
      polls.forEach((at, index) => {
        assert.ok(at - index * 1_000 <= TIMEOUT_MS + 20, `${name} was ${at - index * 1_000} ms late`)
      })
    }
    await poller.stop()
  })

  it('yields one failing reading and one event, then nothing until it answers', async () => {
    const { clock, driver, poller, readings, events } = rigWith([meter('a')])
    poller.start()
    await clock.advance(1_500)
    driver.dead.add('a')
    await clock.advance(60_000)
    assert.equal(readings.length, 3)
    assert.deepEqual(readings[2]?.samples, [
      { point: 'energy', error: 'timeout' },
      { point: 'power', error: 'timeout' },
    ])
    assert.deepEqual(events.at(-1), { event: 'device_offline', device: 'a', reason: 'timeout' })
    assert.equal(events.length, 2)
    const [status] = poller.status().devices
    assert.equal(status?.state, 'offline')
    assert.equal(status?.reason, 'timeout')
    assert.ok((status?.nextProbeInMs ?? 0) > 0)
    await poller.stop()
  })

  it('that answers a probe is online at once and read in full', async () => {
    const { clock, driver, poller, readings, events, times } = rigWith([meter('a')])
    const answered: string[] = []
    poller.onOnline = (device) => answered.push(device)
    driver.dead.add('a')
    poller.start()
    await clock.advance(3_000)
    driver.dead.delete('a')
    readings.length = 0
    await clock.advance(1_500)
    assert.deepEqual(
      events.map((event) => event.event),
      ['device_offline', 'device_online'],
    )
    assert.deepEqual(answered, ['a'])
    const [probe] = times('read a power').slice(-1)
    const [full] = times('read a energy,power').slice(1)
    assert.equal(full, (probe ?? 0) + 5)
    assert.equal(readings[0]?.samples[0]?.value, 1)
    await poller.stop()
  })

  it('damaged replies are recorded each time; only the third in a row takes it offline', async () => {
    const { clock, driver, poller, readings, events } = rigWith([meter('a')])
    driver.garbled.add('a')
    poller.start()
    await clock.advance(1_900)
    assert.equal(readings.length, 2)
    assert.deepEqual(events, [])
    await clock.advance(1_000)
    assert.deepEqual(events, [{ event: 'device_offline', device: 'a', reason: 'crc' }])
    await poller.stop()
  })
})

describe('commands', () => {
  it('a write goes before the next poll and does not wait for the sweep', async () => {
    const { clock, driver, poller } = rigWith(Array.from({ length: 10 }, (_, index) => meter(`d${index}`)))
    poller.start()
    await clock.advance(7) // d1 is being read, eight others are due
    await clock.run(poller.write('d9', 'power', 5))
    const order = driver.calls.map((call) => call.what.split(' ').slice(0, 2).join(' '))
    assert.deepEqual(order.slice(1, 4), ['read d0', 'read d1', 'write d9.power=5'])
    await poller.stop()
  })

  it('a text goes before the next poll, unless it is not wanted any more or nobody there takes texts', async () => {
    const { clock, driver, poller } = rigWith([meter('a', 60_000)])
    poller.start()
    await clock.advance(100)
    const unsupported = clock.run(poller.send('a', 'RESET', () => true))
    await assert.rejects(unsupported, { code: 'unsupported', happened: 'no', retriable: false })
    const sent: string[] = []
    Object.assign(driver, {
      send: async ({ name }: { name: string }, text: string) => void sent.push(`${name} ${text}`),
    })
    await assert.rejects(clock.run(poller.send('a', 'LATE', () => false)), { code: 'expired', happened: 'no' })
    await clock.run(poller.send('a', 'RESET', () => true))
    assert.deepEqual(sent, ['a RESET'])
    await poller.stop()
  })

  it('a long text on a slow line has the time it takes', async () => {
    const connection = textSettings([meter('a', 60_000)], {
      line: { baud: 300, dataBits: 8, parity: 'none', stopBits: 1 },
    })
    const { clock, driver, poller, lines } = rigWith([], { connection })
    let wasClosed = false
    driver.close = async () => {
      wasClosed = true
    }
    // 1000 characters of ten bits.
    Object.assign(driver, { send: () => clock.wait(33_400) })
    poller.start()
    await clock.advance(100)
    await clock.run(poller.send('a', 'x'.repeat(1_000), () => true))
    assert.equal(wasClosed, false, lines.join())
    await poller.stop()
  })

  it('wake a poller that sleeps', async () => {
    const { clock, poller, times } = rigWith([meter('a', 60_000)])
    poller.start()
    await clock.advance(100)
    const samples = await clock.run(poller.readNow('a', ['power']))
    assert.deepEqual(samples, [{ point: 'power', value: 1 }])
    assert.deepEqual(times('read a power'), [100])
    await poller.stop()
  })

  it('in a stream do not stop the polling', async () => {
    const { clock, poller, times } = rigWith([meter('a', 50)])
    poller.start()
    await clock.advance(10)
    let busy = true
    const stream = async () => {
      while (busy) await Promise.all(Array.from({ length: 20 }, () => poller.write('a', 'power', 1)))
    }
    const streaming = stream()
    await clock.advance(5_000)
    busy = false
    assert.ok(times('read a').length > 50, `${times('read a').length} polls in 5 s`)
    await clock.run(streaming)
    await poller.stop()
  })

  it('are refused beyond a limit, and while there is no connection', async () => {
    const { clock, driver, poller } = rigWith([meter('a')], { random: 0.1 })
    await assert.rejects(poller.write('a', 'power', 1), LinkError)
    poller.start()
    await clock.advance(10)
    const all = Array.from({ length: 300 }, () => poller.write('a', 'power', 1))
    const fates = Promise.allSettled(all)
    const settled = await clock.run(fates)
    const busy = settled.filter(
      ({ status, ...rest }) => status === 'rejected' && 'reason' in rest && rest.reason instanceof WriteError,
    )
    assert.ok(busy.length > 0 && busy.length < 60, `${busy.length} were refused`)
    driver.openFails = new LinkError('refused', 'refused')
    driver.lose(new LinkError('closed', 'gone'))
    await clock.advance(100)
    await assert.rejects(
      poller.write('a', 'power', 1),
      (error) => error instanceof LinkError && error.code === 'refused',
    )
    await poller.stop()
  })

  it('that fail keep their error, and a device that refuses counts as online', async () => {
    const { clock, driver, poller } = rigWith([meter('a')])
    driver.dead.add('a')
    poller.start()
    await clock.advance(300)
    const writing = poller.write('a', 'power', 1)
    await assert.rejects(clock.run(writing), (error) => error instanceof WriteError && error.happened === 'maybe')
    assert.equal(poller.isOnline('a'), false)
    driver.write = async () => {
      throw new WriteError('exception_3', 'refused', { happened: 'no', retriable: false })
    }
    await assert.rejects(clock.run(poller.write('a', 'power', 1)), WriteError)
    assert.equal(poller.isOnline('a'), true)
    await poller.stop()
  })
})

describe('a connection that is lost', () => {
  it('after it worked is opened again at once, and no device is declared dead for that', async () => {
    const { clock, driver, poller, events, times } = rigWith([meter('a')])
    poller.start()
    await clock.advance(1_200)
    driver.lose(new LinkError('closed', 'gone'))
    await clock.advance(1_000)
    assert.deepEqual(times('open'), [0, 1_200])
    assert.deepEqual(times('read a'), [0, 1_000, 2_000])
    assert.equal(events.length, 1)
    await poller.stop()
  })

  it('under a poll gives one reading of errors', async () => {
    const { clock, driver, poller, readings } = rigWith([meter('a')])
    driver.slowMs.set('a', 500)
    poller.start()
    await clock.advance(1_200)
    driver.lose(new LinkError('closed', 'gone'))
    await clock.advance(10)
    assert.deepEqual(readings[1]?.samples, [
      { point: 'energy', error: 'io' },
      { point: 'power', error: 'io' },
    ])
    await poller.stop()
  })

  for (const [kind, limitMs] of [
    ['modbus-tcp', 30_000],
    ['modbus-rtu', 1_500],
  ] as const) {
    it(`${kind}: is tried again with growing pauses up to ${limitMs} ms, for ever, and each device says once that it is gone`, async () => {
      const devices = [meter('a'), meter('b')]
      const connection = kind === 'modbus-tcp' ? tcpSettings(devices) : rtuSettings(devices)
      const { clock, driver, poller, events, readings, times } = rigWith(devices, { connection, random: 0.999_999 })
      driver.openFails = new LinkError('no_such_port', 'no such port', { hint: 'plug it in' })
      poller.start()
      await clock.advance(300_000)
      const opened = times('open')
      const pauses = opened.map((at, index) => at - (opened[index - 1] ?? 0)).slice(1)
      assert.ok((pauses[0] ?? 0) <= 500)
      assert.equal(Math.max(...pauses), limitMs)
      assert.ok(pauses.every((pause, index) => pause >= (pauses[index - 1] ?? 0)))
      const offline = (device: string) => ({ event: 'device_offline', device, reason: 'no_such_port' })
      assert.deepEqual(events, [offline('a'), offline('b')])
      assert.equal(readings.length, 2)
      const { connection: status } = poller.status()
      assert.equal(status.state, 'failed')
      assert.deepEqual(status.problem, { code: 'no_such_port', message: 'no such port', hint: 'plug it in' })
      driver.openFails = undefined
      await clock.advance(limitMs + 1_000)
      assert.deepEqual(
        events.slice(2).map((event) => event.event),
        ['device_online', 'device_online'],
      )
      assert.equal(poller.status().connection.problem, undefined)
      await poller.stop()
    })
  }

  it('is closed when the driver does not settle, and opened anew', async () => {
    const { clock, driver, poller, times } = rigWith([meter('a')])
    driver.slowMs.set('a', 100_000_000)
    poller.start()
    await clock.advance(30_000)
    assert.ok(times('open').length > 1)
    await poller.stop()
  })
})

describe('stopping', () => {
  it('waits for a write under way and refuses those that wait', async () => {
    const { clock, poller } = rigWith([meter('a')])
    poller.start()
    await clock.advance(100)
    const first = poller.write('a', 'power', 1)
    const second = poller.write('a', 'power', 2)
    const fates = Promise.allSettled([first, second])
    await clock.advance(0)
    const stopping = poller.stop()
    const [one, two] = await clock.run(fates)
    assert.equal(one.status, 'fulfilled')
    assert.ok(two.status === 'rejected' && two.reason instanceof LinkError)
    await clock.run(stopping)
  })

  it('under a poll makes no record of it', async () => {
    const { clock, driver, poller, readings } = rigWith([meter('a')])
    driver.slowMs.set('a', 900)
    poller.start()
    await clock.advance(100)
    await clock.run(poller.stop())
    assert.deepEqual(readings, [])
    assert.equal(poller.status().connection.state, 'closed')
  })
})

describe('a device that speaks by itself', () => {
  const scale = deviceWith({ name: 'scale', points: [pointWith({ name: 'weight', type: 'number', intervalMs: 0 })] })

  it('is online while it speaks, offline after the silence allowed, and never polled', async () => {
    const connection = textSettings([scale], { silentAfterMs: 5_000 })
    const { clock, driver, poller, readings, events } = rigWith([], { connection, listens: true })
    poller.start()
    await clock.advance(5_000)
    assert.deepEqual(events, [{ event: 'device_offline', device: 'scale', reason: 'timeout' }], 'it never said a word')
    readings.length = 0
    for (let second = 0; second < 10; second++) {
      await clock.advance(1_000)
      driver.handlers?.onReading('scale', [{ point: 'weight', value: second }])
    }
    assert.equal(readings.length, 10)
    await clock.advance(4_999)
    assert.equal(poller.isOnline('scale'), true)
    await clock.advance(1)
    assert.deepEqual(events.at(-1), { event: 'device_offline', device: 'scale', reason: 'timeout' })
    assert.deepEqual(readings.at(-1)?.samples, [{ point: 'weight', error: 'timeout' }])
    await clock.advance(60_000)
    assert.equal(readings.length, 11)
    driver.handlers?.onReading('scale', [{ point: 'weight', value: 1 }])
    assert.equal(poller.isOnline('scale'), true)
    assert.deepEqual(
      driver.calls.map((call) => call.what),
      ['open'],
    )
    await poller.stop()
  })
})

describe('a device of which nothing can be read', () => {
  it('is online while the connection is open', async () => {
    const valve = deviceWith({ name: 'valve', points: [pointWith({ name: 'open', access: 'wo' })] })
    const { clock, driver, poller, events, readings } = rigWith([valve], { random: 0.1 })
    poller.start()
    await clock.advance(100)
    assert.equal(poller.isOnline('valve'), true)
    await clock.run(poller.write('valve', 'open', 1))
    driver.openFails = new LinkError('refused', 'refused')
    driver.lose(new LinkError('closed', 'gone'))
    await clock.advance(1_000)
    assert.equal(poller.isOnline('valve'), false)
    assert.deepEqual(
      events.map((event) => event.event),
      ['device_online', 'device_offline'],
    )
    assert.deepEqual(readings, [])
    await poller.stop()
  })
})

describe('while polling is paused', () => {
  it('nobody is read, writes go through, and afterwards polls go on at their old times', async () => {
    const { clock, poller, readings, times } = rigWith([meter('a')])
    poller.start()
    await clock.advance(1_500)
    poller.pause()
    assert.equal(poller.status().connection.state, 'paused')
    await clock.advance(10_000)
    assert.deepEqual(times('read a'), [0, 1_000])
    await clock.run(poller.write('a', 'power', 5))
    assert.equal((await clock.run(poller.readNow('a', ['power'])))[0]?.value, 1)
    poller.resume()
    assert.equal(poller.status().connection.state, 'open')
    await clock.advance(1_700)
    const after = times('read a energy,power').slice(2)
    assert.ok((after[0] ?? 0) - 11_500 < 20, 'what became due is read at once')
    assert.deepEqual(after.slice(1), [12_000, 13_000])
    assert.equal(readings.length, 5)
    assert.equal(poller.missedPolls, 0)
    await poller.stop()
  })

  it('the reading under way is not lost', async () => {
    const { clock, driver, poller, readings } = rigWith([meter('a')])
    driver.slowMs.set('a', 500)
    poller.start()
    await clock.advance(100)
    poller.pause()
    await clock.advance(5_000)
    assert.equal(readings.length, 1)
    await poller.stop()
  })

  it('who may have commands is probed until it answers, without a reading, and they go through', async () => {
    const { clock, driver, poller, readings, events, times } = rigWith([meter('a'), meter('b'), meter('c')], {
      isAwaited: (device) => device !== 'c',
    })
    driver.dead.add('b')
    poller.pause()
    poller.start()
    await clock.advance(5_000)
    assert.deepEqual([poller.isOnline('a'), poller.isOnline('b')], [true, false])
    driver.dead.delete('b')
    await clock.advance(10_000)
    assert.equal(poller.isOnline('b'), true)
    assert.deepEqual(times('read a'), [0])
    assert.deepEqual(times('read c'), [], 'nobody needs to know')
    assert.deepEqual(readings, [])
    assert.deepEqual(events, [
      { event: 'device_online', device: 'a' },
      { event: 'device_offline', device: 'b', reason: 'timeout' },
      { event: 'device_online', device: 'b', awayMs: 7_405 },
    ])
    await poller.stop()
  })

  it('what a device says by itself shows that it is there, and is not recorded', async () => {
    const scale = deviceWith({ name: 'scale', points: [pointWith({ name: 'weight', type: 'number', intervalMs: 0 })] })
    const connection = textSettings([scale], { silentAfterMs: 5_000 })
    const { clock, driver, poller, readings } = rigWith([], { connection, listens: true })
    poller.start()
    poller.pause()
    for (let second = 0; second < 10; second++) {
      await clock.advance(1_000)
      driver.handlers?.onReading('scale', [{ point: 'weight', value: second }])
    }
    assert.equal(poller.isOnline('scale'), true)
    assert.deepEqual(readings, [])
    poller.resume()
    driver.handlers?.onReading('scale', [{ point: 'weight', value: 10 }])
    assert.equal(readings.length, 1)
    await poller.stop()
  })
})
