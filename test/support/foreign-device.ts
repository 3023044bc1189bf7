/** Unit 17 as the servers nobody here wrote hold it (modbus-server.py, libmodbus-server.c), and a talk with it. */
import assert from 'node:assert/strict'
import { type Driver, WriteError } from '../../src/drivers/driver.ts'
import type { Value } from '../../src/model.ts'
import type { PointSettings } from '../../src/settings.ts'
import { deviceWith, pointWith } from './bus-settings.ts'

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
const bit = pointWith({ name: 'bit', address: 30, type: 'bit', bit: 9, access: 'rw' })
const missing = pointWith({ name: 'missing', address: 60_000, access: 'rw' })

export const foreignDevice = deviceWith({ name: 'foreign', unitId: 17, points })
export const absentDevice = deviceWith({ name: 'absent', unitId: 99, points })

/** Reads every type and writes what can be written. */
export async function talk(driver: Driver): Promise<void> {
  const samples = await driver.read(foreignDevice, [...points, missing])
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
    [bit, true],
    [bit, false],
  ] as const) {
    await driver.write(foreignDevice, point, value)
    assert.deepEqual(await driver.read(foreignDevice, [point]), [{ point: point.name, value }])
  }
  await assert.rejects(driver.write(foreignDevice, missing, 1), (error) => {
    return error instanceof WriteError && error.code === 'exception_2' && error.happened === 'no'
  })
}
