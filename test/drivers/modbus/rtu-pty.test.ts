import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { LinkError } from '../../../src/drivers/driver.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import { Poller } from '../../../src/drivers/poller/poller.ts'
import { SimulatedUnit } from '../../../src/drivers/simulator/unit.ts'
import { silentLogger } from '../../../src/log.ts'
import type { DeviceEvent } from '../../../src/model.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'
import { needs } from '../../support/needs.ts'
import { attach, detach, PtyCable } from '../../support/pty.ts'
import { until } from '../../support/until.ts'

const points = [
  pointWith({ name: 'temp', address: 0, type: 'int16', scale: 0.1, intervalMs: 50 }),
  pointWith({ name: 'total', address: 1, type: 'uint32', intervalMs: 50 }),
  pointWith({ name: 'setpoint', address: 10, type: 'int16', scale: 0.1, access: 'rw', intervalMs: 50 }),
]
const device = deviceWith({ name: 'boiler', unitId: 17, points })

function boiler(): SimulatedUnit {
  return new SimulatedUnit(17, [
    { register: 'holding', address: 0, type: 'int16', scale: 0.1, value: 61.3 },
    { register: 'holding', address: 1, type: 'uint32', value: 4_000_000_000 },
    { register: 'holding', address: 10, type: 'int16', scale: 0.1, value: 60, writable: true },
    ...[3, 4, 5, 6, 7, 8, 9].map((address) => ({
      register: 'holding' as const,
      address,
      type: 'uint16' as const,
      value: 0,
    })),
  ])
}

/** The unit at the far end. Requests arrive whole on a pseudo terminal. */
function answerWith(unit: SimulatedUnit) {
  return (bytes: Buffer, send: (reply: Uint8Array) => void) => {
    if (bytes[0] === unit.unitId) send(rtuFrame(unit.unitId, unit.answer(bytes.subarray(1, -2), 0)))
  }
}

describe('Modbus RTU over a serial port', () => {
  it('reads and writes', async (test) => {
    if (!needs(test, 'socat')) return
    const cable = await PtyCable.plugged()
    const unit = boiler()
    const far = await attach(cable.far, answerWith(unit))
    const driver = createDriver(rtuSettings([device], { port: cable.near, timeoutMs: 500 }))
    try {
      await driver.open()
      assert.deepEqual(await driver.read(device, points), [
        { point: 'temp', value: 61.3 },
        { point: 'total', value: 4_000_000_000 },
        { point: 'setpoint', value: 60 },
      ])
      await driver.write(device, points[2] ?? assert.fail(), 42.5)
      assert.equal(unit.word('holding', 10), 425)
    } finally {
      await driver.close()
      await detach(far)
      await cable.close()
    }
  })

  it('a port that is not there, and one in use, are refused with what to do', async (test) => {
    if (!needs(test, 'socat')) return
    const cable = await PtyCable.plugged()
    const settings = rtuSettings([device], { port: cable.near })
    const first = createDriver(settings)
    const second = createDriver(settings)
    try {
      await first.open()
      // socat itself holds the near end too, so it is named; with a real adapter it would be the other program.
      await assert.rejects(second.open(), (error) => {
        return error instanceof LinkError && error.code === 'busy' && /in use by \w+ \(pid \d+\)/.test(error.message)
      })
      await first.close()
      await second.open()
      await second.close()
      const missing = createDriver({ ...settings, port: `${cable.near}-missing` })
      await assert.rejects(missing.open(), (error) => {
        return error instanceof LinkError && error.code === 'no_such_port' && /by-id/.test(error.hint ?? '')
      })
    } finally {
      await first.close()
      await cable.close()
    }
  })

  it('an unplugged adapter takes the device offline, and plugging it in again brings it back within two seconds', async (test) => {
    if (!needs(test, 'socat')) return
    const cable = await PtyCable.plugged()
    const unit = boiler()
    let far = await attach(cable.far, answerWith(unit))
    const connection = rtuSettings([device], { port: cable.near, timeoutMs: 300 })
    const events: DeviceEvent[] = []
    let readings = 0
    const poller = new Poller(connection, {
      driver: createDriver(connection),
      clock: systemClock,
      log: silentLogger,
      onReading: (reading) => {
        if (reading.samples.every((sample) => sample.error === undefined)) readings += 1
      },
      onDeviceEvent: (event) => events.push(event),
    })
    poller.start()
    try {
      for (let round = 0; round < 3; round++) {
        await until(() => poller.isOnline('boiler'), { what: 'the boiler online' })
        await until(() => readings >= 3, { what: 'readings' })
        await cable.unplug()
        await until(() => !poller.isOnline('boiler'), { what: 'the boiler offline' })
        await until(() => poller.status().connection.problem?.code === 'no_such_port', { what: 'the port missed' })
        await assert.rejects(poller.write('boiler', 'setpoint', 50), LinkError)
        await detach(far)
        await cable.plug()
        const plugged = performance.now()
        far = await attach(cable.far, answerWith(unit))
        await until(() => poller.isOnline('boiler'), { what: 'the boiler back' })
        assert.ok(performance.now() - plugged < 2_000, `${Math.round(performance.now() - plugged)} ms`)
        readings = 0
      }
      const words = events.map((event) => event.event)
      assert.deepEqual(words.slice(0, 3), ['device_online', 'device_offline', 'device_online'])
      assert.equal(words.length, 7)
    } finally {
      await poller.stop()
      await detach(far)
      await cable.close()
    }
  })
})
