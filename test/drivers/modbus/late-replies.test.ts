import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { LinkError, WriteError } from '../../../src/drivers/driver.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import type { Sample } from '../../../src/model.ts'
import { bytesOf, type Delivery, type HeardRequest, readReply, ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'

const TIMEOUT_MS = 100
/** Addresses far apart, so that each point is a request of its own and all replies look alike. */
const addresses = [100, 200, 300, 400]
const points = addresses.map((address) => pointWith({ name: `r${address}`, address }))
const pair = pointWith({ name: 'pair', address: 500, type: 'uint32' })
const device = deviceWith({ name: 'meter', unitId: 5, points: [...points, pair] })

/** What register `address` of the meter holds: its own address, so a value of another register shows at once. */
const wordAt = (address: number) => address

interface Rig {
  readonly clock: VirtualClock
  readonly bus: ScriptedBus
  read(...names: readonly string[]): Promise<readonly Sample[]>
  readonly driver: ReturnType<typeof createDriver>
}

async function rigWith(script: (request: HeardRequest) => readonly Delivery[]): Promise<Rig> {
  const clock = new VirtualClock()
  const bus = new ScriptedBus(clock, script)
  const driver = createDriver(rtuSettings([device], { timeoutMs: TIMEOUT_MS }), { clock, openPort: () => bus.openPort })
  await clock.run(driver.open())
  const read = (...names: readonly string[]) =>
    clock.run(
      driver.read(
        device,
        device.points.filter((point) => names.includes(point.name)),
      ),
    )
  return { clock, bus, driver, read }
}

function good(request: HeardRequest, afterMs = 5): Delivery {
  return { afterMs, bytes: readReply(request, wordAt) }
}

function counts(rig: Rig): Readonly<Record<string, number>> {
  return rig.driver.counters?.().troubles ?? {}
}

/** One reply goes wrong, then all is well. */
async function afterOne(
  fault: (request: HeardRequest) => readonly Delivery[],
): Promise<{ rig: Rig; first: readonly Sample[] }> {
  const rig = await rigWith((request) => (request.index === 0 ? fault(request) : [good(request)]))
  return { rig, first: await rig.read('r100') }
}

const wrong: readonly (readonly [string, string, (request: HeardRequest) => readonly Delivery[]])[] = [
  ['no reply', 'timeout', () => []],
  ['a reply of another unit', 'foreign_reply', (request) => [good({ ...request, unitId: 6 })]],
  [
    'another function',
    'foreign_reply',
    (request) => [{ afterMs: 5, bytes: rtuFrame(5, bytesOf('04 02 0064')) }, ...none(request)],
  ],
  ['another length', 'foreign_reply', () => [{ afterMs: 5, bytes: rtuFrame(5, bytesOf('03 04 00640065')) }]],
  ['a bad checksum', 'crc', () => [{ afterMs: 5, bytes: bytesOf('05 03 02 0064 1234') }]],
  ['two replies glued', 'foreign_reply', (request) => [twice(request)]],
  ['half a reply', 'short_reply', (request) => [{ afterMs: 5, bytes: good(request).bytes.subarray(0, 4) }]],
  ['noise', 'noise', () => [{ afterMs: 5, bytes: bytesOf('ff 00 ff 00 ff') }]],
  ['the echo of the request alone', 'timeout', (request) => [{ afterMs: 1, bytes: rtuFrame(5, request.pdu) }]],
]

function none(_request: HeardRequest): readonly Delivery[] {
  return []
}

function twice(request: HeardRequest): Delivery {
  const { bytes } = good(request)
  return { afterMs: 5, bytes: Buffer.concat([bytes, bytes]) }
}

describe('a reply that is not the answer is an error, never a value', () => {
  for (const [name, code, fault] of wrong) {
    it(`${name}: ${code}, and the next read is right`, async () => {
      const { rig, first } = await afterOne(fault)
      assert.deepEqual(first, [{ point: 'r100', error: code }])
      assert.deepEqual(await rig.read('r200'), [{ point: 'r200', value: 200 }])
      assert.ok((counts(rig)[`failed_${code}`] ?? 0) >= 1)
    })
  }

  for (const [name, trouble, fault] of [
    ['noise before it', 'noise', (request: HeardRequest) => [{ afterMs: 4, bytes: bytesOf('ff00') }, good(request)]],
    ['noise behind it', 'noise', (request: HeardRequest) => [good(request), { afterMs: 6, bytes: bytesOf('00') }]],
    [
      'the echo before it',
      'echo',
      (request: HeardRequest) => [{ afterMs: 1, bytes: rtuFrame(5, request.pdu) }, good(request)],
    ],
    [
      'another unit before it',
      'foreign_reply',
      (request: HeardRequest) => [good({ ...request, unitId: 6 }, 3), good(request)],
    ],
  ] as const) {
    it(`${name} is left out and counted, the reply counts`, async () => {
      const { rig, first } = await afterOne(fault)
      assert.deepEqual(first, [{ point: 'r100', value: 100 }])
      assert.equal(counts(rig)[trouble], 1)
    })
  }
})

describe('a late reply', () => {
  for (const lateMs of [115, 120, 149, 160, 400, 5_000, 30_000]) {
    it(`${lateMs} ms after a request with a timeout of 100 ms is never taken for another register`, async () => {
      const { rig, first } = await afterOne((request) => [good(request, lateMs)])
      assert.deepEqual(first, [{ point: 'r100', error: 'timeout' }])
      for (let round = 0; round < 30; round++) {
        for (const address of [200, 300, 400]) {
          for (const sample of await rig.read(`r${address}`)) {
            assert.equal(sample.value ?? address, address)
          }
        }
        await rig.clock.advance(lateMs / 10)
      }
      assert.deepEqual(await rig.read('r100'), [{ point: 'r100', value: 100 }])
    })
  }

  it('that comes while the next request is open fails the length check, and that request succeeds', async () => {
    // The unit works through its requests one by one; the first takes it 250 ms.
    const rig = await rigWith((request) => [good(request, request.index === 0 ? 165 : 30)])
    assert.deepEqual(await rig.read('r100'), [{ point: 'r100', error: 'timeout' }])
    assert.deepEqual(await rig.read('r200'), [{ point: 'r200', value: 200 }])
    assert.equal(rig.bus.heard[1]?.pdu[4], 2, 'two registers were asked for, to tell the replies apart')
    assert.equal(counts(rig)['foreign_reply'], 1)
  })

  it('that is an exception does not make the true reply, which comes behind it, pass for the next one', async () => {
    const script = (request: HeardRequest): readonly Delivery[] => {
      if (request.index === 0) return [{ afterMs: 170, bytes: rtuFrame(5, bytesOf('8302')) }]
      return [good(request, 30)]
    }
    const rig = await rigWith(script)
    await rig.read('pair') // refused, but too late
    // Gets that refusal, makes sure by another function that nothing older comes, and asks again.
    assert.deepEqual(await rig.read('r200'), [{ point: 'r200', value: 200 }])
    assert.deepEqual(await rig.read('r300'), [{ point: 'r300', value: 300 }])
  })

  it('of a unit that only refuses from then on, costs a few requests and then none', async () => {
    const refusal = { afterMs: 5, bytes: rtuFrame(5, bytesOf('8304')) }
    const rig = await rigWith((request) => {
      if (request.index === 0) return []
      return request.pdu[0] === 3 ? [refusal] : [{ afterMs: 5, bytes: rtuFrame(5, bytesOf('8401')) }]
    })
    await rig.read('r100')
    await rig.read('r200')
    const before = rig.bus.heard.length
    for (let round = 0; round < 10; round++) {
      assert.deepEqual(await rig.read('r200'), [{ point: 'r200', error: 'exception_4' }])
    }
    assert.equal(rig.bus.heard.length - before, 10)
  })

  it('of a unit with an always late answer never yields a value', async () => {
    const rig = await rigWith((request) => [good(request, 130)])
    for (let round = 0; round < 20; round++) {
      for (const address of addresses) {
        const [sample] = await rig.read(`r${address}`)
        assert.ok(sample?.error === 'timeout' || sample?.value === address, JSON.stringify(sample))
      }
    }
  })

  it('is found out by reading twice where the device refuses to be asked for more', async () => {
    // Only single registers exist: asking for two is refused with exception 2.
    const script = (request: HeardRequest): readonly Delivery[] => {
      if (request.pdu[4] === 2) return [{ afterMs: 5, bytes: rtuFrame(5, bytesOf('8302')) }]
      return [good(request, request.index === 0 ? 190 : 40)]
    }
    const rig = await rigWith(script)
    assert.deepEqual(await rig.read('r100'), [{ point: 'r100', error: 'timeout' }])
    const second = await rig.read('r200')
    assert.ok(second[0]?.value === 200 || second[0]?.error === 'foreign_reply', JSON.stringify(second))
    assert.deepEqual(await rig.read('r200'), [{ point: 'r200', value: 200 }])
    assert.ok(rig.bus.heard.length >= 5)
  })

  it('does not hold up the other units: they are asked at once', async () => {
    const rig = await rigWith((request) => (request.unitId === 5 ? [] : [good(request)]))
    await rig.read('r100')
    const before = rig.clock.mono()
    const neighbour = deviceWith({ name: 'neighbour', unitId: 6, points })
    assert.deepEqual(await rig.clock.run(rig.driver.read(neighbour, points.slice(0, 1))), [
      { point: 'r100', value: 100 },
    ])
    assert.ok(rig.clock.mono() - before < 20, `took ${rig.clock.mono() - before} ms`)
  })

  it('is remembered when the port is opened anew', async () => {
    const rig = await rigWith((request) => [good(request, request.index === 0 ? 150 : 40)])
    assert.deepEqual(await rig.read('r100'), [{ point: 'r100', error: 'timeout' }])
    await rig.driver.close()
    await rig.clock.run(rig.driver.open())
    const [sample] = await rig.read('r200')
    assert.equal(sample?.value, 200)
  })

  it('of a write confirms no later write', async () => {
    const script = (request: HeardRequest): readonly Delivery[] => {
      if (request.pdu[0] !== 16) return [good(request)]
      const confirmation = rtuFrame(5, request.pdu.subarray(0, 5))
      // The first is confirmed late; the second is never carried out.
      return request.index === 0 ? [{ afterMs: 155, bytes: confirmation }] : []
    }
    const rig = await rigWith(script)
    await assert.rejects(rig.clock.run(rig.driver.write(device, pair, 1)), (error) => {
      return error instanceof WriteError && error.code === 'timeout' && error.happened === 'maybe' && error.retriable
    })
    await assert.rejects(rig.clock.run(rig.driver.write(device, pair, 2)), WriteError)
  })
})

describe('a write whose time is over', () => {
  it('while a unit is left alone after a lost reply is not sent', async () => {
    const rig = await rigWith((request) => (request.index === 0 ? [] : [good(request)]))
    await rig.read('r100')
    const asked: number[] = []
    const isWanted = () => {
      asked.push(rig.clock.mono())
      return false
    }
    const before = rig.clock.mono()
    const writing = rig.clock.run(rig.driver.write(device, pair, 7, isWanted))
    await assert.rejects(writing, { code: 'expired', happened: 'no', retriable: true })
    const [at = 0, ...more] = asked
    assert.deepEqual(more, [])
    assert.ok(at - before >= TIMEOUT_MS / 3, `asked after ${at - before} ms, when the pause is over`)
    assert.deepEqual(
      rig.bus.heard.map(({ pdu }) => pdu[0]),
      [3],
    )
  })

  it('is not sent by another function, either, after the first was refused', async () => {
    const rig = await rigWith((request) => [
      { afterMs: 5, bytes: rtuFrame(5, Uint8Array.of((request.pdu[0] ?? 0) | 0x80, 1)) },
    ])
    let asked = 0
    const [single] = points
    assert.ok(single)
    const writing = rig.clock.run(rig.driver.write(device, { ...single, access: 'rw' }, 7, () => asked++ === 0))
    await assert.rejects(writing, { code: 'expired', happened: 'no' })
    assert.deepEqual(
      rig.bus.heard.map(({ pdu }) => pdu[0]),
      [6],
    )
  })
})

describe('a device that is dead', () => {
  it('costs one timeout, and every point has its code', async () => {
    const rig = await rigWith(none)
    const before = rig.clock.mono()
    const samples = await rig.read('r100', 'r200', 'r300', 'r400')
    assert.deepEqual(
      samples.map((sample) => sample.error),
      ['timeout', 'timeout', 'timeout', 'timeout'],
    )
    assert.equal(rig.bus.heard.length, 1)
    assert.ok(rig.clock.mono() - before < TIMEOUT_MS + 20)
  })

  it('in the middle of a read costs two more timeouts at most', async () => {
    const rig = await rigWith((request) => (request.index === 0 ? [good(request)] : []))
    const samples = await rig.read('r100', 'r200', 'r300', 'r400')
    assert.deepEqual(samples[0], { point: 'r100', value: 100 })
    assert.equal(rig.bus.heard.length, 3)
  })
})

describe('a bus that disappears', () => {
  it('under a read rejects it, and says so once', async () => {
    const rig = await rigWith(none)
    const lost: string[] = []
    rig.driver.onLost = (error) => lost.push(error.code)
    const reading = rig.driver.read(device, points)
    void rig.clock.wait(50).then(() => rig.bus.unplug())
    await assert.rejects(rig.clock.run(reading), (error) => error instanceof LinkError && error.code === 'unplugged')
    assert.deepEqual(lost, ['unplugged'])
  })

  it('under a write leaves open whether it happened', async () => {
    const rig = await rigWith(none)
    const writing = rig.driver.write(device, pair, 7)
    void rig.clock.wait(50).then(() => rig.bus.unplug())
    await assert.rejects(rig.clock.run(writing), (error) => {
      return error instanceof WriteError && error.code === 'io' && error.happened === 'maybe'
    })
  })
})
