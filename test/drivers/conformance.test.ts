import { createServer, type Socket } from 'node:net'
import { systemClock } from '../../src/clock.ts'
import { createDriver } from '../../src/drivers/catalog.ts'
import { LinkError } from '../../src/drivers/driver.ts'
import { asciiFrame } from '../../src/drivers/modbus/ascii.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import { openTcpPort } from '../../src/drivers/port/tcp.ts'
import { noFault } from '../../src/drivers/simulator/fault.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedTextPort } from '../../src/drivers/simulator/text-port.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import { type DriverRig, driverConformance } from '../conformance/driver.ts'
import { asciiContent, type Script, ScriptedBus } from '../support/bus.ts'
import {
  asciiSettings,
  deviceWith,
  pointWith,
  rtuOverTcpSettings,
  rtuSettings,
  tcpSettings,
  textSettings,
} from '../support/bus-settings.ts'

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

for (const [name, settings, frame, contentOf] of [
  ['modbus-rtu', rtuSettings, rtuFrame, undefined],
  ['modbus-ascii', asciiSettings, asciiFrame, asciiContent],
] as const) {
  driverConformance(name, async () => {
    const simulated = unit()
    let muted = false
    const answer: Script = ({ pdu }) => (muted ? [] : [{ afterMs: 1, bytes: frame(7, simulated.answer(pdu, 0)) }])
    const bus = new ScriptedBus(systemClock, answer, contentOf)
    return {
      driver: createDriver(settings([boiler], { timeoutMs: TIMEOUT_MS }), { openPort: () => bus.openPort }),
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
}

driverConformance('modbus-rtu-over-tcp', async () => {
  const simulated = unit()
  let muted = false
  let severed = false
  const clients = new Set<Socket>()
  // Requests are short and come whole on loopback; a converter that is not there resets the connection.
  const converter = createServer((socket) => {
    clients.add(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      if (!muted && bytes[0] === 7) socket.write(rtuFrame(7, simulated.answer(bytes.subarray(1, -2), 0)))
    })
  })
  await new Promise<void>((resolve) => converter.listen(0, '127.0.0.1', resolve))
  const address = converter.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    driver: createDriver(rtuOverTcpSettings([boiler], { timeoutMs: TIMEOUT_MS }), {
      openPort: () => async (handlers, signal) => {
        if (severed) throw new LinkError('refused', 'connecting to the converter: refused')
        return openTcpPort('127.0.0.1', port)(handlers, signal)
      },
    }),
    device: boiler,
    expected,
    writing,
    mute: (silent) => {
      muted = silent
    },
    sever: (broken) => {
      severed = broken
      if (broken) for (const client of clients) client.destroy()
    },
    close: async () => {
      for (const client of clients) client.destroy()
      await new Promise((resolve) => converter.close(resolve))
    },
  }
})

const serialText = async (): Promise<DriverRig> => {
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
}

driverConformance('serial-text', serialText, { listens: true, readOnly: true })
