import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { OneWireDriver } from '../../examples/one-wire-driver.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { PointSettings } from '../../src/settings.ts'
import { type DriverRig, driverConformance } from '../conformance/driver.ts'
import { deviceWith, pointWith } from '../support/bus-settings.ts'

const sensor = '28-0316a2795cff'
const bytes = '4b 46 7f ff 0c 10 1c'
const sound = textOf(28687)

const device = deviceWith({
  name: 'cellar',
  labels: { sensor },
  points: [
    pointWith({ name: 'celsius', type: 'number' }),
    pointWith({ name: 'fahrenheit', type: 'number', scale: 1.8, offset: 32, precision: 1 }),
  ],
})
const expected = { celsius: 28.687, fahrenheit: 83.6 }

function textOf(thousandths: number): string {
  return `${bytes} : crc=1c YES\n${bytes} t=${thousandths}\n`
}

/** A folder as the kernel shows it, with one sensor, which can be taken away, as can the whole folder. */
class Bus {
  readonly #root = mkdtempSync(join(tmpdir(), 'one-wire-'))
  readonly folder = join(this.#root, 'devices')
  #severed = false

  constructor() {
    mkdirSync(join(this.folder, sensor), { recursive: true })
    this.write(sound)
  }

  write(text: string): void {
    writeFileSync(join(this.folder, sensor, 'w1_slave'), text)
  }

  mute(silent: boolean): void {
    const base = this.#severed ? join(this.#root, 'severed') : this.folder
    const muted = join(this.#root, 'muted')
    if (existsSync(muted) === silent) return
    if (silent) renameSync(join(base, sensor), muted)
    else renameSync(muted, join(base, sensor))
  }

  sever(severed: boolean): void {
    if (this.#severed === severed) return
    const away = join(this.#root, 'severed')
    if (severed) renameSync(this.folder, away)
    else renameSync(away, this.folder)
    this.#severed = severed
  }

  remove(): void {
    rmSync(this.#root, { recursive: true })
  }
}

driverConformance(
  'one-wire',
  async (): Promise<DriverRig> => {
    const bus = new Bus()
    return {
      driver: new OneWireDriver({ folder: bus.folder, timeoutMs: 500, clock: systemClock }),
      device,
      expected,
      mute: (silent) => bus.mute(silent),
      sever: (severed) => bus.sever(severed),
      close: async () => bus.remove(),
    }
  },
  { readOnly: true },
)

describe('one-wire', () => {
  let bus: Bus
  let driver: OneWireDriver
  beforeEach(async () => {
    bus = new Bus()
    driver = new OneWireDriver({ folder: bus.folder, timeoutMs: 10_000, clock: systemClock })
    await driver.open()
  })
  afterEach(async () => {
    await driver.close()
    bus.remove()
  })

  /** The one code that all points have. */
  async function errorOf(text: string): Promise<string | undefined> {
    bus.write(text)
    const samples = await driver.read(device, device.points)
    assert.equal(samples.length, device.points.length)
    const errors = new Set(samples.map((sample) => sample.error))
    assert.equal(errors.size, 1)
    return [...errors][0]
  }

  async function celsiusOf(given: Partial<PointSettings>) {
    const [sample] = await driver.read(device, [pointWith({ name: 'celsius', type: 'number', ...given })])
    return sample?.error ?? sample?.value
  }

  it('a damaged reading is no value, whatever its second line says', async () => {
    assert.equal(await errorOf(sound.replace('YES', 'NO')), 'crc')
    assert.equal(await errorOf(`ff ff ff : crc=1c NO\n${bytes} t=28687\n`), 'crc')
  })

  it('the power-on value, and what the sensor cannot measure, are no measurement', async () => {
    for (const thousandths of [85_000, 127_937, -55_062]) assert.equal(await errorOf(textOf(thousandths)), 'invalid')
    for (const thousandths of [84_937, 85_062, 0, -62, 125_000, -55_000]) {
      bus.write(textOf(thousandths))
      assert.equal(await celsiusOf({}), thousandths / 1000)
    }
  })

  it('a file cut anywhere is no value', async () => {
    for (let length = 0; length < sound.length; length++) {
      assert.equal(await errorOf(sound.slice(0, length)), 'short_reply', `${length} characters`)
    }
  })

  it('what is no such file, a foreign second line and a short circuit are noise', async () => {
    const zeros = '00 00 00 00 00 00 00'
    const others = [`${zeros} : crc=00 YES\n${zeros} t=0\n`, sound.replace('t=', 't=x'), 'one\ntwo\n']
    for (const text of [...others, `${bytes} : crc=1c YES\n${zeros} t=28687\n`]) {
      assert.equal(await errorOf(text), 'noise')
    }
  })

  it('a file that cannot be read for another reason is io', async () => {
    rmSync(join(bus.folder, sensor, 'w1_slave'))
    mkdirSync(join(bus.folder, sensor, 'w1_slave'))
    const [sample] = await driver.read(device, device.points)
    assert.equal(sample?.error, 'io')
  })

  it('a sensor that comes back within the timeout is read', async () => {
    bus.mute(true)
    let reading = false
    let looks = 0
    // The driver waits after each look in vain: the sensor is back after the second one. Nothing else may look.
    const clock: Clock = {
      ...systemClock,
      wait: (ms, signal) => {
        if (!reading || ms === 10_000) return systemClock.wait(10_000, signal)
        if (++looks === 2) bus.mute(false)
        return Promise.resolve()
      },
    }
    await driver.close()
    driver = new OneWireDriver({ folder: bus.folder, timeoutMs: 10_000, clock })
    await driver.open()
    reading = true
    const samples = await driver.read(device, device.points)
    assert.deepEqual(Object.fromEntries(samples.map((sample) => [sample.point, sample.value])), expected)
    assert.equal(looks, 2)
  })

  it('what cannot be asked for says so, next to what can', async () => {
    assert.equal(await celsiusOf({ access: 'wo' }), 'write_only')
    assert.equal(await celsiusOf({ type: 'bool' }), 'unsupported')
    bus.write(textOf(21_000))
    assert.equal(await celsiusOf({ invalid: [21n] }), 'invalid')
  })

  it('a label that names no sensor leads nowhere', async () => {
    for (const labels of [{}, { sensor: `../devices/${sensor}` }, { sensor: '10-0316a2795cff' }]) {
      const [sample] = await driver.read({ ...device, labels }, device.points)
      assert.equal(sample?.error, 'unsupported')
    }
  })

  it('a folder that is none cannot be opened', async () => {
    for (const [folder, code] of [
      [join(bus.folder, 'none'), 'no_such_port'],
      [join(bus.folder, sensor, 'w1_slave'), 'open_failed'],
    ] as const) {
      const other = new OneWireDriver({ folder, timeoutMs: 10_000, clock: systemClock })
      await assert.rejects(other.open(), { name: 'LinkError', code })
    }
  })

  it('a close during the opening makes it reject', async () => {
    const opening = driver.open()
    await Promise.all([assert.rejects(opening, { name: 'LinkError', code: 'closed' }), driver.close()])
  })
})
