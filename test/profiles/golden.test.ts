/**
 * The register image of each bundled profile, behind a simulated unit, read by the driver of the product: what it says must
 * be what the registers mean, in as few requests as were counted by hand.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDriver } from '../../src/drivers/catalog.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import { widthOf } from '../../src/point-types.ts'
import type { ConnectionSettings, DeviceSettings } from '../../src/settings.ts'
import { bundledNames, loadWith } from './bundled.ts'
import { type Image, images } from './images.ts'

describe('registers to values', () => {
  for (const [index, image] of images.entries()) {
    it(`${image.profile} (${index + 1})`, async () => {
      const unit = unitOf(image)
      const server = await ModbusServer.start([unit])
      try {
        const { connection, device } = deviceOf(image, server.port)
        const driver = createDriver(connection)
        await driver.open()
        try {
          const samples = await driver.read(device, device.points)
          const got = new Map(
            samples.map(({ point, value, error }) => [point, error === undefined ? value : { error }]),
          )
          for (const [point, wanted] of Object.entries(image.expected)) {
            assert.deepEqual(plain(got.get(point)), wanted, `${image.profile} ${point}`)
          }
          assert.equal(samples.length, device.points.length)
          assert.equal(unit.requests, image.requests, 'requests of one reading')
        } finally {
          await driver.close()
        }
      } finally {
        await server.close()
      }
    })
  }

  it('every bundled profile has an image', () => {
    assert.deepEqual([...new Set(images.map(({ profile }) => profile))].sort(), bundledNames())
  })
})

/** 64-bit integers without fractions come as bigint. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

function deviceOf(image: Image, port: number): { connection: ConnectionSettings; device: DeviceSettings } {
  const { settings } = loadWith(image.profile, port)
  const [connection] = settings.connections
  const [device] = connection?.devices ?? []
  assert.ok(connection && device)
  return { connection, device }
}

/** A unit with the registers of all points, and the holes between them, at 0; then those of the image. */
function unitOf(image: Image): SimulatedUnit {
  const { device } = deviceOf(image, 502)
  const unit = new SimulatedUnit(device.unitId, [])
  for (const point of device.points) {
    for (let offset = 0; offset < widthOf(point) + device.holeMax; offset++) {
      unit.setWord(point.register, point.address + offset, 0)
    }
  }
  for (const [register, address, words] of image.words) {
    const bytes = Buffer.from(words.replaceAll(' ', ''), 'hex')
    for (let at = 0; at < bytes.length; at += 2) unit.setWord(register, address + at / 2, bytes.readUInt16BE(at))
  }
  return unit
}
