import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { Poller } from '../../../src/drivers/poller/poller.ts'
import { silentLogger } from '../../../src/log.ts'
import type { Reading, Sample } from '../../../src/model.ts'
import { bytesOf } from '../../support/bus.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'
import { binarySettings, latin1 } from '../../support/instrument.ts'
import { needs } from '../../support/needs.ts'
import { attach, detach, PtyCable } from '../../support/pty.ts'
import { until } from '../../support/until.ts'

const scale = deviceWith({
  name: 'scale',
  request: latin1('SI\r\n'),
  pattern: '^S [SD]\\s+(?<weight>[\\d.]+) kg$',
  points: [pointWith({ name: 'weight', type: 'number', intervalMs: 100 })],
})
const scanner = deviceWith({
  name: 'scanner',
  pattern: '^#(?<code>\\d+)$',
  points: [pointWith({ name: 'code', type: 'string', intervalMs: 0 })],
})

describe('instruments on a serial port', () => {
  it('one is asked while another speaks, and all goes on after the cable was out', async (test) => {
    if (!needs(test, 'socat')) return
    const cable = await PtyCable.plugged()
    let weight = 0
    let asking = ''
    const answer = (bytes: Buffer, send: (bytes: Uint8Array) => void) => {
      asking += bytes.toString('latin1')
      if (!asking.endsWith('SI\r\n')) return
      asking = ''
      weight += 1
      send(latin1(`#${weight}\r\nS S  ${weight} kg\r\n`))
    }
    let far = await attach(cable.far, answer)
    const connection = textSettings([scale, scanner], { port: cable.near, timeoutMs: 2_000 })
    const readings: Reading[] = []
    const poller = new Poller(connection, {
      driver: createDriver(connection),
      clock: systemClock,
      log: silentLogger,
      onReading: (reading) => readings.push(reading),
      onDeviceEvent: () => {},
    })
    const of = (device: string) =>
      readings.filter((reading) => reading.device === device && reading.samples[0]?.value !== undefined)
    poller.start()
    try {
      await until(() => of('scale').length >= 3 && of('scanner').length >= 3, { what: 'readings of both' })
      await cable.unplug()
      await detach(far)
      await cable.plug()
      far = await attach(cable.far, answer)
      const before = readings.length
      await until(
        () =>
          ['scale', 'scanner'].every((name) =>
            readings.slice(before).some((each) => each.device === name && each.samples[0]?.value !== undefined),
          ),
        { what: 'readings of both after the replug', timeoutMs: 20_000 },
      )
      const weights = of('scale').map((reading) => Number(reading.samples[0]?.value))
      assert.deepEqual(
        weights,
        [...new Set(weights)].toSorted((a, b) => a - b),
      )
    } finally {
      await poller.stop()
      await detach(far)
      await cable.close()
    }
  })

  it('frames come through as they are, all byte values of them', async (test) => {
    if (!needs(test, 'socat')) return
    const cable = await PtyCable.plugged()
    const far = await attach(cable.far, () => {})
    const sensor = deviceWith({
      name: 'sensor',
      points: [0, 1, 2, 3].map((index) => pointWith({ name: `v${index}`, type: 'uint8', address: 2 + index })),
    })
    const driver = createDriver(
      binarySettings([sensor], {
        port: cable.near,
        frame: {
          startsWith: bytesOf('42 4D'),
          length: { fixed: 8 },
          checksum: { kind: 'crc16_modbus', from: 0, behind: 0, littleEndian: true },
        },
      }),
    )
    const heard: (readonly Sample[])[] = []
    const errors: string[] = []
    driver.listen?.({ onReading: (_, samples) => heard.push(samples), onError: (_, code) => errors.push(code) })
    try {
      await driver.open()
      const { crc16 } = await import('../../../src/drivers/modbus/crc.ts')
      const frames = Array.from({ length: 64 }, (_, index) => {
        const body = Uint8Array.of(0x42, 0x4d, ...[0, 1, 2, 3].map((each) => (index * 4 + each) & 0xff))
        const crc = crc16(body)
        return Uint8Array.of(...body, crc & 0xff, crc >> 8)
      })
      for (const [index, frame] of frames.entries()) {
        far.write(Buffer.from(frame))
        if (index === 31) far.write(Buffer.from(bytesOf('00 FF 42 4D 11 42')))
      }
      await until(() => heard.length === 64, { what: 'all frames' })
      assert.deepEqual(
        heard.flatMap((samples) => samples.map((sample) => sample.value)),
        Array.from({ length: 256 }, (_, index) => index),
      )
      assert.ok(errors.length > 0)
    } finally {
      await driver.close()
      await detach(far)
      await cable.close()
    }
  })
})
