import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { Poller } from '../../../src/drivers/poller/poller.ts'
import { startSimulatedSite } from '../../../src/drivers/simulator/site.ts'
import { silentLogger } from '../../../src/log.ts'
import type { DeviceEvent, Reading } from '../../../src/model.ts'
import { deviceWith, pointWith, tcpSettings, textSettings } from '../../support/bus-settings.ts'
import { until } from '../../support/until.ts'

const intervalMs = 100
const meter = deviceWith({
  name: 'meter',
  unitId: 1,
  points: [
    pointWith({ name: 'voltage', register: 'input', address: 0, type: 'float32', precision: 1, intervalMs }),
    pointWith({ name: 'energy', register: 'input', address: 6, type: 'uint32', intervalMs }),
  ],
})
const boiler = deviceWith({
  name: 'boiler',
  unitId: 2,
  points: [
    pointWith({ name: 'supply_temp', address: 0, type: 'int16', scale: 0.1, intervalMs }),
    pointWith({ name: 'setpoint', address: 1, type: 'int16', scale: 0.1, access: 'rw', intervalMs }),
  ],
})
const chiller = deviceWith({
  name: 'chiller',
  unitId: 3,
  points: [pointWith({ name: 'flow', scale: 0.1, intervalMs: 500 })],
})
const scale = deviceWith({
  name: 'scale',
  pattern: '^(?<stable>ST|US),GS,(?<weight>[-+.\\d]+)kg$',
  points: [pointWith({ name: 'weight', type: 'number', intervalMs: 0 })],
})

it('the simulated site is read like a real one: a dead unit comes back, a setpoint is written, the scale speaks', async () => {
  const site = await startSimulatedSite({ slowMs: 60, scaleIntervalMs: 20 })
  const lan = tcpSettings([meter, boiler, chiller], { port: site.port, timeoutMs: 150 })
  const line = textSettings([scale])
  const readings: Reading[] = []
  const events: DeviceEvent[] = []
  const pollers = [lan, line].map((connection) => {
    const driver = createDriver(connection, {
      openPort: ({ type }) => (type === 'serial-text' ? site.textPort : undefined),
    })
    return new Poller(connection, {
      driver,
      clock: systemClock,
      log: silentLogger,
      onReading: (reading) => readings.push(reading),
      onDeviceEvent: (event) => events.push(event),
    })
  })
  for (const poller of pollers) poller.start()
  try {
    for (const name of ['meter', 'chiller', 'scale']) {
      await until(() => events.some((event) => event.event === 'device_online' && event.device === name), {
        what: name,
      })
    }
    await until(() => events.some((event) => event.event === 'device_offline' && event.device === 'boiler'), {
      what: 'the dead boiler',
    })
    const voltage = readings
      .find((reading) => reading.device === 'meter')
      ?.samples.find(({ point }) => point === 'voltage')
    assert.ok(typeof voltage?.value === 'number' && Math.abs(voltage.value - 230.4) <= 2.6)
    site.revive()
    await until(() => pollers[0]?.isOnline('boiler'), { what: 'the boiler alive' })
    await pollers[0]?.write('boiler', 'setpoint', 55.5)
    assert.deepEqual(await pollers[0]?.readNow('boiler', ['setpoint']), [{ point: 'setpoint', value: 55.5 }])
  } finally {
    await Promise.all(pollers.map((poller) => poller.stop()))
    await site.close()
  }
})
