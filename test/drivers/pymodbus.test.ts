/** Against Modbus software nobody here wrote: pymodbus as the device, mbpoll as the asker of our simulator. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { createDriver } from '../../src/drivers/catalog.ts'
import { type Driver, WriteError } from '../../src/drivers/driver.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import type { Value } from '../../src/model.ts'
import type { PointSettings } from '../../src/settings.ts'
import { deviceWith, pointWith, rtuSettings, tcpSettings } from '../support/bus-settings.ts'
import { hasPymodbus, PymodbusServer } from '../support/modbus-server.ts'
import { needs } from '../support/needs.ts'
import { PtyCable } from '../support/pty.ts'
import { until } from '../support/until.ts'

const rows: readonly (readonly [Partial<PointSettings> & { readonly name: string }, Value])[] = [
  [{ name: 'int16', address: 0, type: 'int16', scale: 0.1 }, -61.3],
  [{ name: 'uint32', address: 1, type: 'uint32' }, 4_000_000_000],
  [{ name: 'int64', address: 3, type: 'int64' }, -9_223_372_036_854_775_807n],
  [{ name: 'float', address: 7, type: 'float32' }, 12.5],
  [{ name: 'voltage', address: 9, type: 'float32' }, 230.4],
  [{ name: 'double', address: 11, type: 'float64' }, 123.456],
  [{ name: 'text', address: 15, type: 'string', length: 4 }, 'SDM120'],
  [{ name: 'swapped', register: 'input', address: 0, type: 'float32', byteOrder: 'CDAB' }, 61.3],
  [{ name: 'far', register: 'input', address: 150 }, 148],
  [{ name: 'coil', register: 'coil', address: 2, type: 'bool', access: 'rw' }, true],
  [{ name: 'off', register: 'coil', address: 1, type: 'bool' }, false],
  [{ name: 'contact', register: 'discrete', address: 15, type: 'bool' }, true],
]
const points = rows.map(([given]) => pointWith(given))
const setpoint = pointWith({ name: 'setpoint', address: 25, type: 'float32', byteOrder: 'DCBA', access: 'rw' })
const coil = points.find(({ name }) => name === 'coil') ?? assert.fail()
const small = pointWith({ name: 'small', address: 24, type: 'int16', access: 'rw' })
const missing = pointWith({ name: 'missing', address: 60_000, access: 'rw' })
const device = deviceWith({ name: 'pymodbus', unitId: 17, points })
const absent = deviceWith({ name: 'absent', unitId: 99, points })

async function talk(driver: Driver): Promise<void> {
  const samples = await driver.read(device, [...points, missing])
  const values = Object.fromEntries(samples.map((sample) => [sample.point, sample.error ?? sample.value]))
  assert.deepEqual(values, {
    ...Object.fromEntries(rows.map(([{ name }, value]) => [name, value])),
    missing: 'exception_2',
  })
  for (const [point, value] of [
    [setpoint, 42.75],
    [small, -5],
    [coil, false],
    [coil, true],
  ] as const) {
    await driver.write(device, point, value)
    assert.deepEqual(await driver.read(device, [point]), [{ point: point.name, value }])
  }
  await assert.rejects(driver.write(device, missing, 1), (error) => {
    return error instanceof WriteError && error.code === 'exception_2' && error.happened === 'no'
  })
}

it('reads and writes a pymodbus server over TCP; an absent unit is an error', async (test) => {
  if (!hasPymodbus(test)) return
  const server = await PymodbusServer.tcp()
  const driver = createDriver(tcpSettings([device], { port: server.port, timeoutMs: 1_000 }))
  try {
    await driver.open()
    await talk(driver)
    const [sample] = await driver.read(absent, points.slice(0, 1))
    assert.match(sample?.error ?? '', /^(timeout|exception_\d+)$/)
  } finally {
    await driver.close()
    await server.close()
  }
})

it('reads and writes a pymodbus server over a serial line; an absent unit is silent', async (test) => {
  if (!hasPymodbus(test) || !needs(test, 'socat')) return
  const cable = await PtyCable.plugged()
  const server = PymodbusServer.rtu(cable.far)
  const line = { baud: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const
  const driver = createDriver(rtuSettings([device], { port: cable.near, timeoutMs: 500, line }))
  try {
    await driver.open()
    await until(async () => (await driver.read(device, points.slice(0, 1)))[0]?.error === undefined, {
      what: 'pymodbus',
    })
    await talk(driver)
    assert.deepEqual(await driver.read(absent, points.slice(0, 1)), [{ point: 'int16', error: 'timeout' }])
    await talk(driver)
  } finally {
    await driver.close()
    await server.close()
    await cable.close()
  }
})

it('mbpoll reads and writes our simulator', async (test) => {
  if (!needs(test, 'mbpoll')) return
  const unit = new SimulatedUnit(3, [
    { register: 'holding', address: 0, type: 'uint16', value: 1_234, writable: true },
    { register: 'holding', address: 1, type: 'uint16', value: 4_321, writable: true },
    { register: 'input', address: 4, type: 'float32', value: 230.5 },
    { register: 'coil', address: 0, type: 'bool', value: true, writable: true },
  ])
  const server = await ModbusServer.start([unit])
  const mbpoll = async (...words: readonly string[]) => {
    const target = ['-m', 'tcp', '-p', String(server.port), '-a', '3', '-0', '-1', '-q']
    const { stdout } = await promisify(execFile)('mbpoll', [...target, ...words])
    return stdout
  }
  try {
    assert.match(await mbpoll('-t', '4', '-r', '0', '-c', '2', '127.0.0.1'), /\[0\]:\s+1234\s+\[1\]:\s+4321/)
    assert.match(await mbpoll('-t', '3:float', '-B', '-r', '4', '-c', '1', '127.0.0.1'), /\[4\]:\s+230\.5/)
    assert.match(await mbpoll('-t', '0', '-r', '0', '-c', '1', '127.0.0.1'), /\[0\]:\s+1/)
    await mbpoll('-t', '4', '-r', '0', '127.0.0.1', '--', '77', '78')
    assert.deepEqual([unit.word('holding', 0), unit.word('holding', 1)], [77, 78])
    await mbpoll('-t', '0', '-r', '0', '127.0.0.1', '--', '0')
    assert.equal(unit.word('coil', 0), 0)
    await assert.rejects(mbpoll('-t', '4', '-r', '100', '-c', '1', '127.0.0.1'))
  } finally {
    await server.close()
  }
})
