import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { type Driver, LinkError } from '../../../src/drivers/driver.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import { bytesOf, type Delivery, type HeardRequest, readReply, ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, rtuOverTcpSettings, rtuSettings, tcpSettings } from '../../support/bus-settings.ts'
import { until } from '../../support/until.ts'

const point = pointWith({ name: 'level' })
const device = deviceWith({ name: 'tank', unitId: 5, points: [point] })
const neighbour = deviceWith({ name: 'pump', unitId: 6, points: [point] })

/** A server that is no Modbus device, and a driver that takes it for one. */
async function peer(onClient: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    onClient(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : 0, server }
}

/** Opens, reads, and opens again after each loss, as the poller does; the codes of what opening rejected with. */
async function openings(driver: Driver, rounds: number): Promise<readonly string[]> {
  const codes: string[] = []
  for (let round = 0; round < rounds; round++) {
    try {
      await driver.open()
      codes.push('open')
      await driver.read(device, [point])
    } catch (error) {
      assert.ok(error instanceof LinkError)
      codes.push(error.code)
    }
    await driver.close()
  }
  return codes
}

describe('a peer that is not what it was taken for', () => {
  const strangers: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['greets (SSH)', (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n')],
    [
      'answers in another language (HTTP)',
      (socket) => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request')),
    ],
  ]
  for (const [name, onClient] of strangers) {
    it(`${name}: counts as open once at most, then says what is wrong`, async () => {
      const { port, server } = await peer(onClient)
      const driver = createDriver(tcpSettings([device], { port, timeoutMs: 300, timeoutMinMs: 300 }))
      let lost: LinkError | undefined
      driver.onLost = (error) => {
        lost = error
      }
      try {
        const codes = await openings(driver, 4)
        // The first opening may succeed before a word was said.
        const others = codes.filter((code) => code !== 'not_modbus')
        assert.ok(others.length === 0 || (others.length === 1 && codes[0] === 'open'), codes.join(' '))
        assert.ok(codes[0] === 'not_modbus' || lost?.code === 'not_modbus')
        await assert.rejects(driver.open(), (error) => error instanceof LinkError && /port/.test(error.hint ?? ''))
      } finally {
        await driver.close()
        server.close()
      }
    })
  }

  it('hangs up on whoever asks: says so, with what to check, instead of opening again and again', async () => {
    const { port, server } = await peer((socket) => socket.on('data', () => socket.destroy()))
    for (const settings of [tcpSettings, rtuOverTcpSettings]) {
      const driver = createDriver(settings([device], { port, timeoutMs: 300, timeoutMinMs: 300 }))
      await openings(driver, 1)
      await assert.rejects(driver.open(), (error) => {
        return (
          error instanceof LinkError &&
          error.code === 'closed' &&
          /before it answered/.test(error.message) &&
          /one or two clients/.test(error.hint ?? '')
        )
      })
      await driver.close()
    }
    server.close()
  })

  it('closed while it is tried out, it gives up at once', async () => {
    let asked = 0
    const { port, server } = await peer((socket) => {
      socket.on('data', () => {
        asked += 1
        if (asked === 1) socket.destroy()
      })
    })
    const driver = createDriver(tcpSettings([device], { port, timeoutMs: 60_000, timeoutMinMs: 60_000 }))
    await openings(driver, 1)
    const opening = driver.open()
    await until(() => asked === 2, { what: 'the request that tries the connection out' })
    await driver.close()
    await assert.rejects(opening, LinkError)
    server.close()
  })

  it('silent: the socket is opened anew less and less often', async () => {
    const clock = new VirtualClock()
    const bus = new ScriptedBus(clock, () => [])
    const driver = createDriver(tcpSettings([device], { timeoutMs: 100, timeoutMinMs: 100 }), {
      clock,
      openPort: () => bus.openPort,
    })
    let lost = false
    driver.onLost = () => {
      lost = true
    }
    const reads: number[] = []
    for (let round = 0; round < 4; round++) {
      lost = false
      await clock.run(driver.open())
      let count = 0
      for (; !lost; count++) await clock.run(driver.read(device, [point]))
      reads.push(count)
    }
    // From the second on, one of the requests tries the connection out.
    assert.deepEqual(reads, [4, 7, 15, 31])
  })
})

/** A bus on a clock of its own, with a floor below the ceiling of the timeout. */
async function busWith(script: (request: HeardRequest) => readonly Delivery[]) {
  const clock = new VirtualClock()
  const bus = new ScriptedBus(clock, script)
  const settings = rtuSettings([device, neighbour], { timeoutMs: 1_000, timeoutMinMs: 150 })
  const driver = createDriver(settings, { clock, openPort: () => bus.openPort })
  await clock.run(driver.open())
  const read = async (which = device) => {
    const before = clock.mono()
    const [sample] = await clock.run(driver.read(which, [point]))
    return { sample, tookMs: clock.mono() - before }
  }
  return { clock, bus, driver, read }
}

function sound(request: HeardRequest, afterMs: number): readonly Delivery[] {
  return [{ afterMs, bytes: readReply(request, () => 7) }]
}

describe('adaptive timeout', () => {
  it('a quick unit that dies costs little, and is waited for in full now and then', async () => {
    const { bus, read } = await busWith((request) => sound(request, 20))
    for (let round = 0; round < 10; round++) await read()
    bus.script = () => []
    const costs: number[] = []
    for (let round = 0; round < 6; round++) costs.push((await read()).tookMs)
    // Once for certain: 150 ms, and then in full. Then 150 ms, and what it is left alone for after the loss before.
    assert.ok((costs[0] ?? 0) < 1_300, `${costs}`)
    assert.ok(costs.slice(2).filter((ms) => ms < 300).length >= 2, `${costs}`)
    assert.ok(costs.slice(1).filter((ms) => ms > 900).length <= 1, `${costs}`)
    bus.script = (request) => sound(request, 20)
    assert.equal((await read()).sample?.value, 7)
  })

  it('a unit that has become slow is heard by its late reply, and waited for', async () => {
    const { clock, bus, driver, read } = await busWith((request) => sound(request, 20))
    for (let round = 0; round < 10; round++) await read()
    bus.script = (request) => sound(request, 600)
    assert.equal((await read()).sample?.value, 7)
    assert.ok((driver.counters?.().troubles['late_reply'] ?? 0) >= 1)
    for (let round = 0; round < 20; round++) {
      assert.equal((await read()).sample?.value, 7, `round ${round}`)
      await clock.advance(1_000)
    }
  })

  it('the usual time of each device is there to be seen', async () => {
    const { driver, read } = await busWith((request) => sound(request, request.unitId === 5 ? 20 : 80))
    for (let round = 0; round < 5; round++) {
      await read()
      await read(neighbour)
    }
    const { tank = 0, pump = 0 } = driver.counters?.().latencyMs ?? {}
    assert.ok(tank < 20 && pump > 40 && pump < 80, `${tank} ${pump}`)
  })
})

describe('a line on which every reply is damaged', () => {
  it('is suspected of other settings, until a sound frame comes', async () => {
    const { bus, driver, read } = await busWith(() => [{ afterMs: 20, bytes: bytesOf('f8 00 fe 80 00 fe 78') }])
    assert.equal(driver.suspicion?.(), undefined)
    for (let round = 0; round < 4; round++) {
      await read()
      await read(neighbour)
    }
    const suspicion = driver.suspicion?.()
    assert.equal(suspicion?.code, 'damaged')
    assert.match(suspicion?.hint ?? '', /9600 8N1.*parity/)
    bus.script = (request) => sound(request, 20)
    await read()
    assert.equal(driver.suspicion?.(), undefined)
  })

  it('silence alone is not: devices may be switched off', async () => {
    const { bus, driver, read } = await busWith(() => [])
    for (let round = 0; round < 10; round++) await read()
    assert.equal(driver.suspicion?.(), undefined)
    bus.script = (request) => [{ afterMs: 20, bytes: rtuFrame(request.unitId + 1, bytesOf('03 02 0007')) }]
    for (let round = 0; round < 10; round++) await read()
    assert.equal(driver.suspicion?.(), undefined, 'sound frames of somebody else: the settings are right')
  })
})

describe('a unit that has always been quick', () => {
  /** Quick until `slowFrom`, then each reply takes so long. */
  async function reading(slowFrom: number, slowMs: number | undefined) {
    const clock = new VirtualClock()
    const bus = new ScriptedBus(clock, (request) => {
      const afterMs = request.index < slowFrom ? 5 : slowMs
      return afterMs === undefined ? [] : [{ afterMs, bytes: readReply(request, (address) => 40 + address) }]
    })
    const settings = rtuSettings([device], { timeoutMs: 400, timeoutMinMs: 50 })
    const driver = createDriver(settings, { clock, openPort: () => bus.openPort })
    await clock.run(driver.open())
    for (let round = 0; round < slowFrom; round++) await clock.run(driver.read(device, [point]))
    const from = clock.mono()
    const samples = await clock.run(driver.read(device, [point]))
    return { samples, tookMs: clock.mono() - from, asked: bus.heard.length - slowFrom, driver, clock }
  }

  it('and is slow for once, is waited for in full before it is called silent', async () => {
    const { samples } = await reading(10, 200)
    assert.deepEqual(samples, [{ point: 'level', value: 40 }])
  })

  it('and is dead, is asked once more, and from then on costs the short time', async () => {
    const { samples, asked, driver, clock } = await reading(10, undefined)
    assert.deepEqual(samples, [{ point: 'level', error: 'timeout' }])
    assert.equal(asked, 2)
    const from = clock.mono()
    assert.deepEqual(await clock.run(driver.read(device, [point])), [{ point: 'level', error: 'timeout' }])
    assert.ok(clock.mono() - from < 300, `a probe took ${clock.mono() - from} ms`)
  })
})
