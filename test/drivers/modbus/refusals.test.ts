import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { WriteError } from '../../../src/drivers/driver.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import { type SimulatedPoint, SimulatedUnit } from '../../../src/drivers/simulator/unit.ts'
import type { Sample, Value } from '../../../src/model.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { type HeardRequest, ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'

interface Rig {
  readonly unit: SimulatedUnit
  readonly bus: ScriptedBus
  read(): Promise<Readonly<Record<string, Value>>>
  write(name: string, value: Value): Promise<void>
  /** `function address+count` of the requests since the last call. */
  asked(): readonly string[]
}

async function rigWith(
  points: readonly PointSettings[],
  registers: readonly SimulatedPoint[],
  refuse: (request: HeardRequest) => number = () => 0,
): Promise<Rig> {
  const clock = new VirtualClock()
  const unit = new SimulatedUnit(1, registers)
  const bus = new ScriptedBus(clock, (request) => {
    const [functionCode = 0] = request.pdu
    const exception = refuse(request)
    const pdu = exception > 0 ? Uint8Array.of(functionCode | 0x80, exception) : unit.answer(request.pdu, 0)
    return [{ afterMs: 2, bytes: rtuFrame(1, pdu) }]
  })
  const device = deviceWith({ name: 'plc', points })
  const driver = createDriver(rtuSettings([device]), { clock, openPort: () => bus.openPort })
  await clock.run(driver.open())
  return {
    unit,
    bus,
    read: async () => record(await clock.run(driver.read(device, points))),
    write: (name, value) => {
      const point = points.find((candidate) => candidate.name === name)
      assert.ok(point)
      return clock.run(driver.write(device, point, value))
    },
    asked: () =>
      bus.heard.splice(0).map(({ pdu }) => {
        const view = new DataView(pdu.buffer, pdu.byteOffset, pdu.length)
        return `${pdu[0]} ${view.getUint16(1)}+${view.getUint16(3)}`
      }),
  }
}

function record(samples: readonly Sample[]): Readonly<Record<string, Value>> {
  return Object.fromEntries(samples.map((sample) => [sample.point, sample.error ?? sample.value]))
}

function holding(...addresses: readonly number[]): readonly SimulatedPoint[] {
  return addresses.map((address) => ({ register: 'holding', address, type: 'uint16', value: address, writable: true }))
}

function points(...addresses: readonly number[]): readonly PointSettings[] {
  return addresses.map((address) => pointWith({ name: `r${address}`, address, access: 'rw' }))
}

describe('a point the device does not have', () => {
  it('never blinds its neighbours, and is left out of their requests from then on', async () => {
    const rig = await rigWith(points(0, 1, 2, 3, 4), holding(0, 1, 3, 4))
    const expected = { r0: 0, r1: 1, r2: 'exception_2', r3: 3, r4: 4 }
    assert.deepEqual(await rig.read(), expected)
    assert.deepEqual(rig.asked(), ['3 0+5', '3 0+1', '3 1+1', '3 2+1', '3 3+1', '3 4+1'])
    assert.deepEqual(await rig.read(), expected)
    assert.deepEqual(rig.asked().toSorted(), ['3 0+2', '3 2+1', '3 3+2'])
  })

  it('in a hole between points stops holes from being read along', async () => {
    const rig = await rigWith(points(0, 5), holding(0, 5))
    assert.deepEqual(await rig.read(), { r0: 0, r5: 5 })
    rig.asked()
    assert.deepEqual(await rig.read(), { r0: 0, r5: 5 })
    assert.deepEqual(rig.asked(), ['3 0+1', '3 5+1'])
  })

  it('a range refused though each of its points is there is read point by point', async () => {
    const rig = await rigWith(points(0, 1), holding(0, 1), (request) => (request.pdu[4] === 1 ? 0 : 3))
    assert.deepEqual(await rig.read(), { r0: 0, r1: 1 })
    assert.deepEqual(await rig.read(), { r0: 0, r1: 1 })
    rig.asked()
    assert.deepEqual(await rig.read(), { r0: 0, r1: 1 })
    assert.deepEqual(rig.asked(), ['3 0+1', '3 1+1'])
  })

  it('another exception is the device speaking: all points of the request carry it, nothing is tried again', async () => {
    const rig = await rigWith(points(0, 1), holding(0, 1), () => 4)
    assert.deepEqual(await rig.read(), { r0: 'exception_4', r1: 'exception_4' })
    assert.deepEqual(rig.asked(), ['3 0+2'])
  })
})

describe('writing', () => {
  it('a coil goes out as function 5, a register as 6, several as 16 in one request', async () => {
    const wide = pointWith({ name: 'wide', address: 10, type: 'float32', access: 'rw' })
    const coil = pointWith({ name: 'pump', register: 'coil', address: 3, type: 'bool', access: 'rw' })
    const rig = await rigWith(
      [...points(0), wide, coil],
      [
        ...holding(0),
        { register: 'holding', address: 10, type: 'float32', value: 0, writable: true },
        { register: 'coil', address: 3, type: 'bool', value: false, writable: true },
      ],
    )
    await rig.write('r0', 42)
    await rig.write('wide', 12.5)
    await rig.write('pump', true)
    assert.deepEqual(rig.asked(), ['6 0+42', '16 10+2', '5 3+65280'])
    assert.deepEqual(await rig.read(), { r0: 42, wide: 12.5, pump: true })
  })

  it('a device that knows only the functions for several gets those, and is not asked again', async () => {
    const coil = pointWith({ name: 'pump', register: 'coil', address: 3, type: 'bool', access: 'rw' })
    const rig = await rigWith(
      [...points(0), coil],
      [...holding(0), { register: 'coil', address: 3, type: 'bool', value: false, writable: true }],
      (request) => (request.pdu[0] === 5 || request.pdu[0] === 6 ? 1 : 0),
    )
    await rig.write('r0', 7)
    await rig.write('r0', 8)
    await rig.write('pump', true)
    assert.deepEqual(rig.asked(), ['6 0+7', '16 0+1', '16 0+1', '15 3+1'])
    assert.deepEqual(await rig.read(), { r0: 8, pump: true })
  })

  it('one bit of a register is changed, its neighbours stay', async () => {
    const bits = [0, 7].map((bit) => pointWith({ name: `b${bit}`, address: 5, type: 'bit', bit, access: 'rw' }))
    const rig = await rigWith(bits, [
      { register: 'holding', address: 5, type: 'uint16', value: 0xff01, writable: true },
    ])
    await rig.write('b7', true)
    assert.equal(rig.unit.word('holding', 5), 0xff81)
    await rig.write('b0', false)
    assert.equal(rig.unit.word('holding', 5), 0xff80)
  })

  const refused: readonly (readonly [number, 'no' | 'maybe', boolean])[] = [
    [2, 'no', false],
    [3, 'no', false],
    [4, 'maybe', true],
    [5, 'maybe', true],
    [6, 'no', true],
    [10, 'no', true],
    [11, 'maybe', true],
  ]
  for (const [exception, happened, retriable] of refused) {
    it(`exception ${exception}: happened ${happened}, ${retriable ? 'may' : 'must not'} be tried again`, async () => {
      const rig = await rigWith(points(0), holding(0), () => exception)
      await assert.rejects(rig.write('r0', 1), (error) => {
        assert.ok(error instanceof WriteError)
        assert.equal(error.code, `exception_${exception}`)
        assert.equal(error.happened, happened)
        assert.equal(error.retriable, retriable)
        return true
      })
    })
  }

  it('input registers and discrete inputs cannot be written: nothing is sent', async () => {
    const input = pointWith({ name: 'in', register: 'input' })
    const rig = await rigWith([input], [])
    await assert.rejects(rig.write('in', 1), (error) => error instanceof WriteError && error.code === 'read_only')
    assert.deepEqual(rig.asked(), [])
  })

  it('a write-only point is written, and never read', async () => {
    const reset = pointWith({ name: 'reset', address: 9, access: 'wo' })
    const rig = await rigWith([reset], holding(9))
    await rig.write('reset', 1)
    assert.deepEqual(await rig.read(), { reset: 'write_only' })
    assert.deepEqual(rig.asked(), ['6 9+1'])
  })
})
