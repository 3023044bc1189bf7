/**
 * What every driver must do, whatever it speaks. A driver's test calls `driverConformance` with a rig that can make its
 * devices fall silent and its connection break.
 */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type Driver, LinkError, WriteError } from '../../src/drivers/driver.ts'
import type { Sample, Value } from '../../src/model.ts'
import type { DeviceSettings, PointSettings } from '../../src/settings.ts'
import { until } from '../support/until.ts'

export interface DriverRig {
  /** Not open yet. */
  readonly driver: Driver
  /** A device with at least two readable points. */
  readonly device: DeviceSettings
  /** What its points hold. */
  readonly expected: Readonly<Record<string, Value>>
  /** No device answers (or speaks) from now on; `false`: they do again. */
  mute(silent: boolean): void
  /** The connection breaks, and cannot be opened; `false`: it can be again. */
  sever(severed: boolean): void
  /** For devices that can be written: all but those of a driver that is declared `readOnly`. */
  readonly writing?: {
    readonly point: PointSettings
    readonly value: Value
    /** A point the device refuses to have written. */
    readonly refused: PointSettings
  }
  close(): Promise<void>
}

/** What a driver is, known before there is one: it decides which tests there are. */
export interface DriverKind {
  /** Its devices speak by themselves: it has `listen`, and none of the rig's devices is asked. */
  readonly listens?: boolean
  /** Nothing of its devices can be written. */
  readonly readOnly?: boolean
}

const TEST_TIMEOUT_MS = 60_000

/** `makeRig` is called before each test. */
export function driverConformance(
  name: string,
  makeRig: () => Promise<DriverRig>,
  { listens = false, readOnly = false }: DriverKind = {},
): void {
  // A driver that never settles must fail its test, not hang the run.
  describe(`driver contract: ${name}`, { timeout: TEST_TIMEOUT_MS }, () => {
    let rig: DriverRig
    beforeEach(async () => {
      rig = await makeRig()
      assert.equal(rig.driver.listen !== undefined, listens, 'has `listen`, or is not declared as one that listens')
      assert.equal(rig.writing === undefined, readOnly, 'has `writing`, or is not declared as readOnly')
    })
    afterEach(async () => {
      await rig.driver.close()
      await rig.close()
    })

    connecting(() => rig)
    reading(() => rig)
    if (!listens) asking(() => rig)
    if (readOnly) refusing(() => rig)
    else writing(() => rig)
  })
}

function connecting(rig: () => DriverRig): void {
  it('opens again after a close, as often as asked', async () => {
    const { driver, expected } = rig()
    for (let round = 0; round < 3; round++) {
      await driver.open()
      assert.deepEqual(valuesOf(await readingOf(rig())), expected)
      await driver.close()
    }
  })

  it('closes without an error, open or not, once or twice', async () => {
    const { driver } = rig()
    await driver.close()
    await driver.open()
    await Promise.all([driver.close(), driver.close()])
    await driver.close()
  })

  it('that cannot open says why with a short code, and opens when it can', async () => {
    const { driver, sever, expected } = rig()
    sever(true)
    await assert.rejects(driver.open(), (error) => error instanceof LinkError && /^[a-z_]+$/.test(error.code))
    sever(false)
    await driver.open()
    assert.deepEqual(valuesOf(await readingOf(rig())), expected)
  })

  it('reports a connection lost between calls exactly once', async () => {
    const { driver, sever } = rig()
    const lost: LinkError[] = []
    driver.onLost = (error) => lost.push(error)
    await driver.open()
    await readingOf(rig())
    sever(true)
    await until(() => lost.length > 0, { what: 'the loss' })
    await driver.close()
    assert.equal(lost.length, 1)
    assert.ok(lost[0] instanceof LinkError)
  })

  it('that is closed while it opens rejects, and can be opened again', async () => {
    const { driver, expected } = rig()
    const opening = driver.open()
    await driver.close()
    await assert.rejects(opening, LinkError)
    await driver.open()
    assert.deepEqual(valuesOf(await readingOf(rig())), expected)
  })

  it('opens again after a loss', async () => {
    const { driver, sever, expected } = rig()
    await openAndLose(rig())
    await driver.close()
    sever(false)
    await driver.open()
    assert.deepEqual(valuesOf(await readingOf(rig())), expected)
  })

  it('does not report its own closing as a loss', async () => {
    const { driver } = rig()
    const lost: LinkError[] = []
    driver.onLost = (error) => lost.push(error)
    await driver.open()
    await driver.close()
    await driver.open()
    await readingOf(rig())
    assert.deepEqual(lost, [])
  })
}

function reading(rig: () => DriverRig): void {
  it('gives one sample per point', async () => {
    const { driver, device, expected } = rig()
    await driver.open()
    const samples = await readingOf(rig())
    assert.deepEqual(
      samples.map((sample) => sample.point).toSorted(),
      device.points.map((point) => point.name).toSorted(),
    )
    assert.deepEqual(valuesOf(samples), expected)
  })
}

/** For devices that are asked. */
function asking(rig: () => DriverRig): void {
  it('of a silent device ends in time with one code for all points, and works again when it speaks', async () => {
    const { driver, device, mute, expected } = rig()
    await driver.open()
    mute(true)
    const samples = await driver.read(device, device.points)
    assert.equal(samples.length, device.points.length)
    assert.deepEqual([...new Set(samples.map((sample) => sample.error))], ['timeout'])
    mute(false)
    assert.deepEqual(valuesOf(await driver.read(device, device.points)), expected)
  })

  it('rejects with LinkError when closed, or when the connection breaks, and never stays pending', async () => {
    const { driver, device, mute, sever } = rig()
    await assert.rejects(driver.read(device, device.points), LinkError)
    for (const breakIt of [() => void driver.close(), () => sever(true)]) {
      await driver.open()
      mute(true)
      const pending = driver.read(device, device.points)
      setImmediate(breakIt)
      await assert.rejects(pending, LinkError)
      mute(false)
    }
  })

  it('rejects with LinkError between a loss and the next opening', async () => {
    const { driver, device } = rig()
    await openAndLose(rig())
    await assert.rejects(driver.read(device, device.points), LinkError)
  })
}

function refusing(rig: () => DriverRig): void {
  it('refuses to write, once and for all', async () => {
    const { driver, device } = rig()
    await driver.open()
    for (const point of device.points) {
      await assert.rejects(driver.write(device, point, 1), (error) => {
        return error instanceof WriteError && error.happened === 'no' && !error.retriable
      })
    }
  })
}

function writing(rig: () => DriverRig): void {
  it('writes what can be read back', async () => {
    const { driver, device } = rig()
    const write = writingOf(rig())
    await driver.open()
    await driver.write(device, write.point, write.value)
    assert.deepEqual(await driver.read(device, [write.point]), [{ point: write.point.name, value: write.value }])
  })

  it('that is refused did not happen and need not be tried again', async () => {
    const { driver, device } = rig()
    await driver.open()
    await assert.rejects(driver.write(device, writingOf(rig()).refused, 1), (error) => {
      return error instanceof WriteError && error.happened === 'no' && !error.retriable
    })
  })

  it('without a reply may have happened', async () => {
    const { driver, device, mute } = rig()
    const write = writingOf(rig())
    await driver.open()
    mute(true)
    await assert.rejects(driver.write(device, write.point, write.value), (error) => {
      return error instanceof WriteError && error.happened === 'maybe' && error.retriable
    })
  })

  it('under which the connection breaks may have happened', async () => {
    const { driver, device, mute, sever } = rig()
    const write = writingOf(rig())
    await driver.open()
    mute(true)
    const pending = driver.write(device, write.point, write.value)
    setImmediate(() => sever(true))
    await assert.rejects(pending, (error) => error instanceof WriteError && error.happened === 'maybe')
  })

  it('a value that does not fit is refused before anything is sent', async () => {
    const { driver, device } = rig()
    const write = writingOf(rig())
    await driver.open()
    await assert.rejects(driver.write(device, write.point, 'not a number'), (error) => {
      return error instanceof WriteError && error.code === 'range' && error.happened === 'no'
    })
  })
}

function writingOf({ writing: write }: DriverRig): NonNullable<DriverRig['writing']> {
  assert.ok(write)
  return write
}

/** Until the driver has reported that its connection is gone. */
async function openAndLose({ driver, sever }: DriverRig): Promise<void> {
  let lost = false
  driver.onLost = () => {
    lost = true
  }
  await driver.open()
  sever(true)
  await until(() => lost, { what: 'the loss' })
}

/** A reading: asked for, or listened to. */
async function readingOf(rig: DriverRig): Promise<readonly Sample[]> {
  const { driver, device } = rig
  if (!driver.listen) return driver.read(device, device.points)
  let heard: readonly Sample[] | undefined
  driver.listen({
    onReading: (_device, samples) => {
      heard = samples
    },
    onError: () => {},
  })
  return until(() => heard, { what: 'a reading' })
}

function valuesOf(samples: readonly Sample[]): Readonly<Record<string, Value | undefined>> {
  return Object.fromEntries(samples.map((sample) => [sample.point, sample.value]))
}
