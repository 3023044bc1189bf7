/** Against Modbus software nobody here wrote: libmodbus as the device. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createDriver } from '../../src/drivers/catalog.ts'
import { rtuSettings, tcpSettings } from '../support/bus-settings.ts'
import { absentDevice, foreignDevice, talk } from '../support/foreign-device.ts'
import { libmodbusServer } from '../support/libmodbus-server.ts'
import { needs } from '../support/needs.ts'
import { PtyCable } from '../support/pty.ts'
import { until } from '../support/until.ts'

const [first] = foreignDevice.points
assert.ok(first)

it('reads and writes a libmodbus server over TCP, also over a second connection', async (test) => {
  const server = libmodbusServer(test)
  if (!server) return
  const port = await server.tcp()
  for (let round = 0; round < 2; round++) {
    const driver = createDriver(tcpSettings([foreignDevice], { port, timeoutMs: 1_000 }))
    try {
      await driver.open()
      await talk(driver)
    } finally {
      await driver.close()
    }
  }
})

it('reads and writes a libmodbus server over a serial line; an absent unit is silent', async (test) => {
  const server = libmodbusServer(test)
  if (!server || !needs(test, 'socat')) return
  const cable = await PtyCable.plugged()
  server.rtu(cable.far)
  const line = { baud: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const
  const driver = createDriver(rtuSettings([foreignDevice], { port: cable.near, timeoutMs: 500, line }))
  try {
    await driver.open()
    await until(async () => (await driver.read(foreignDevice, [first]))[0]?.error === undefined, { what: 'libmodbus' })
    await talk(driver)
    assert.deepEqual(await driver.read(absentDevice, [first]), [{ point: first.name, error: 'timeout' }])
    await talk(driver)
  } finally {
    await driver.close()
    await cable.close()
  }
})
