import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { type Driver, LinkError, WriteError } from '../../../src/drivers/driver.ts'
import { noFault } from '../../../src/drivers/simulator/fault.ts'
import { ModbusServer } from '../../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../../src/drivers/simulator/unit.ts'
import type { Sample } from '../../../src/model.ts'
import type { Fault } from '../../../src/simulation.ts'
import { deviceWith, pointWith, tcpSettings } from '../../support/bus-settings.ts'
import { until } from '../../support/until.ts'

const TIMEOUT_MS = 60
const points = [0, 100, 200].map((address) => pointWith({ name: `r${address}`, address }))
const device = deviceWith({ name: 'meter', unitId: 5, points })
const neighbour = deviceWith({ name: 'neighbour', unitId: 6, points })

function unitWith(unitId: number): SimulatedUnit {
  return new SimulatedUnit(
    unitId,
    points.map(({ address }) => ({
      register: 'holding' as const,
      address,
      type: 'uint16' as const,
      value: unitId * 1_000 + address,
      writable: true,
    })),
  )
}

describe('faults of a device behind TCP', () => {
  const unit = unitWith(5)
  let server: ModbusServer
  let driver: Driver
  const lost: LinkError[] = []

  before(async () => {
    server = await ModbusServer.start([unit, unitWith(6)])
    driver = createDriver(tcpSettings([device, neighbour], { port: server.port, timeoutMs: TIMEOUT_MS }))
    driver.onLost = (error) => lost.push(error)
    await driver.open()
  })
  after(async () => {
    await driver.close()
    await server.close()
  })

  /** What the poller does after a loss. */
  async function reopened(): Promise<void> {
    if (lost.splice(0).length === 0) return
    await driver.close()
    await driver.open()
  }

  const rows: readonly (readonly [Fault, string, string?])[] = [
    [{ kind: 'dead' }, 'timeout'],
    [{ kind: 'late', ms: TIMEOUT_MS + 40 }, 'timeout'],
    [{ kind: 'foreign', unitId: 6 }, 'foreign_reply'],
    [{ kind: 'wrong_function' }, 'foreign_reply'],
    [{ kind: 'wrong_length' }, 'foreign_reply'],
    [{ kind: 'wrong_transaction' }, 'foreign_reply'],
    [{ kind: 'torn', bytes: 8 }, 'short_reply', 'doubt'],
    [{ kind: 'noisy' }, 'noise', 'doubt'],
    [{ kind: 'exception', code: 4 }, 'exception_4'],
  ]
  for (const [fault, code, loss] of rows) {
    it(`${fault.kind}: ${code}${loss ? ', and the connection is given up' : ''}; the neighbour and the next read are right`, async () => {
      unit.fault = fault
      const expected = points.slice(0, 1).map(({ name }) => ({ point: name, error: code }))
      assert.deepEqual(await driver.read(device, points.slice(0, 1)), expected)
      assert.deepEqual(
        lost.map((error) => error.code),
        loss ? [loss] : [],
      )
      unit.fault = noFault
      await reopened()
      for (const [asked, base] of [
        [neighbour, 6_000],
        [device, 5_000],
      ] as const) {
        assert.deepEqual(await driver.read(asked, points), expectedOf(base))
      }
    })
  }

  it('a doubled reply is used once, the rest is dropped and counted', async () => {
    unit.fault = { kind: 'doubled' }
    for (let round = 0; round < 5; round++) assert.deepEqual(await driver.read(device, points), expectedOf(5_000))
    unit.fault = noFault
    const counters = driver.counters?.()
    assert.ok((counters?.troubles['foreign_reply'] ?? 0) + (counters?.troubles['unasked'] ?? 0) > 0)
  })

  it('replies that are always late never become values', async () => {
    unit.fault = { kind: 'late', ms: TIMEOUT_MS * 2.5 }
    for (let round = 0; round < 3; round++) {
      for (const point of points) {
        const [sample] = await driver.read(device, [point])
        assert.equal(sample?.value, undefined)
        await driver.read(neighbour, [point])
      }
    }
    unit.fault = noFault
    assert.deepEqual(await driver.read(device, points), expectedOf(5_000))
    await driver.close() // replies still on their way end here
    await driver.open()
  })

  it('a write that is refused did not happen, one without a reply may have', async () => {
    const [point] = points
    assert.ok(point)
    unit.fault = { kind: 'exception', code: 3 }
    await assert.rejects(driver.write(device, point, 1), (error) => {
      return error instanceof WriteError && error.code === 'exception_3' && error.happened === 'no' && !error.retriable
    })
    unit.fault = { kind: 'dead' }
    await assert.rejects(driver.write(device, point, 5_000), (error) => {
      return error instanceof WriteError && error.code === 'timeout' && error.happened === 'maybe' && error.retriable
    })
    unit.fault = noFault
    await driver.write(device, point, 5_000)
    await reopened()
  })

  it('a server that drops the connection under a read rejects it, and the driver opens again', async () => {
    unit.fault = { kind: 'dead' }
    const reading = driver.read(device, points)
    await until(() => server.clients > 0, { what: 'the client' })
    server.disconnectAll()
    await assert.rejects(reading, (error) => error instanceof LinkError && error.code === 'closed')
    unit.fault = noFault
    await reopened()
    assert.deepEqual(await driver.read(device, points), expectedOf(5_000))
  })

  it('a peer that has gone silent as a whole is connected to anew', async () => {
    unit.fault = { kind: 'dead' }
    for (let round = 0; round < 4; round++) await driver.read(device, points.slice(0, 1))
    assert.deepEqual(
      lost.map((error) => error.code),
      ['silent'],
    )
    unit.fault = noFault
    await reopened()
  })
})

describe('opening a TCP connection', () => {
  it('to a closed port says so and what to check', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await new Promise((resolve) => server.close(resolve))
    await assert.rejects(createDriver(tcpSettings([device], { port })).open(), (error) => {
      return error instanceof LinkError && error.code === 'refused' && error.hint !== undefined
    })
  })

  it('closed while opening rejects and leaves nothing open', async () => {
    const server = await ModbusServer.start([unitWith(5)])
    const driver = createDriver(tcpSettings([device], { port: server.port, connectDelayMs: 60_000 }))
    const opening = driver.open()
    await until(() => server.clients === 1, { what: 'the connection' })
    await driver.close()
    await assert.rejects(opening, LinkError)
    await until(() => server.clients === 0, { what: 'the connection to end' })
    await server.close()
  })
})

function expectedOf(base: number): readonly Sample[] {
  return points.map(({ name, address }) => ({ point: name, value: base + address }))
}
