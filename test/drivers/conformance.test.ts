import { systemClock } from '../../src/clock.ts'
import { createDriver } from '../../src/drivers/catalog.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import { noFault } from '../../src/drivers/simulator/fault.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedTextPort } from '../../src/drivers/simulator/text-port.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import { driverConformance } from '../conformance/driver.ts'
import { ScriptedBus } from '../support/bus.ts'
import { deviceWith, pointWith, rtuSettings, tcpSettings, textSettings } from '../support/bus-settings.ts'

const setpoint = pointWith({ name: 'setpoint', address: 1, type: 'int16', scale: 0.1, access: 'rw' })
const temperature = pointWith({ name: 'temperature', address: 0, type: 'int16', scale: 0.1, access: 'rw' })
const boiler = deviceWith({ name: 'boiler', unitId: 7, points: [temperature, setpoint] })
const expected = { temperature: 61.3, setpoint: 60 }
const writing = { point: setpoint, value: 42.5, refused: temperature }
const TIMEOUT_MS = 40

function unit(): SimulatedUnit {
  return new SimulatedUnit(7, [
    { register: 'holding', address: 0, type: 'int16', scale: 0.1, value: 61.3 },
    { register: 'holding', address: 1, type: 'int16', scale: 0.1, value: 60, writable: true },
  ])
}

driverConformance('modbus-tcp', async () => {
  const simulated = unit()
  let server = await ModbusServer.start([simulated])
  const { port } = server
  let severing = Promise.resolve()
  return {
    driver: createDriver(tcpSettings([boiler], { port, timeoutMs: TIMEOUT_MS }), {
      // A server that is closed or started takes a moment; the rig's orders are meant to be in force at once.
      openPort: () => async (handlers, signal) => {
        const { openTcpPort } = await import('../../src/drivers/port/tcp.ts')
        await severing
        return openTcpPort('127.0.0.1', port)(handlers, signal)
      },
    }),
    device: boiler,
    expected,
    writing,
    mute: (silent) => {
      simulated.fault = silent ? { kind: 'dead' } : noFault
    },
    sever: (severed) => {
      const order = async () => {
        if (severed) await server.close()
        else server = await ModbusServer.start([simulated], { port })
      }
      severing = severed ? order() : severing.then(order)
    },
    close: async () => {
      await severing
      await server.close()
    },
  }
})

driverConformance('modbus-rtu', async () => {
  const simulated = unit()
  let muted = false
  const bus = new ScriptedBus(systemClock, (request) => {
    return muted ? [] : [{ afterMs: 1, bytes: rtuFrame(7, simulated.answer(request.pdu, 0)) }]
  })
  return {
    driver: createDriver(rtuSettings([boiler], { timeoutMs: TIMEOUT_MS }), { openPort: () => bus.openPort }),
    device: boiler,
    expected,
    writing,
    mute: (silent) => {
      muted = silent
    },
    sever: (severed) => {
      if (severed) bus.unplug()
      else bus.plugged = true
    },
    close: async () => {},
  }
})

driverConformance('serial-text', async () => {
  const line = new SimulatedTextPort(() => '12.5kg ST\r\n', { intervalMs: 5 })
  const scale = deviceWith({
    name: 'scale',
    pattern: '^(?<weight>[\\d.]+)kg (?<stable>ST|US)$',
    points: [pointWith({ name: 'weight', type: 'number' }), pointWith({ name: 'stable', type: 'string' })],
  })
  return {
    driver: createDriver(textSettings([scale]), { openPort: () => line.open }),
    device: scale,
    expected: { weight: 12.5, stable: 'ST' },
    mute: (silent) => {
      line.silent = silent
    },
    sever: (severed) => (severed ? line.unplug() : line.plug()),
    close: async () => line.unplug(),
  }
})
