import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { type Explorer, LinkError } from '../../../src/drivers/driver.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import { bytesOf, type Delivery, type HeardRequest, readReply, ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { rtuSettings } from '../../support/bus-settings.ts'

const TIMEOUT_MS = 1_000

async function rigWith(script: (request: HeardRequest) => readonly Delivery[]) {
  const clock = new VirtualClock()
  const bus = new ScriptedBus(clock, script)
  const settings = rtuSettings([], { timeoutMs: TIMEOUT_MS, timeoutMinMs: 150 })
  const driver = createDriver(settings, { clock, openPort: () => bus.openPort })
  await clock.run(driver.open())
  const explorer: Explorer = driver.explorer ?? assert.fail('no explorer')
  return { clock, bus, driver, explorer }
}

function replying(pdu: string, afterMs = 5): (request: HeardRequest) => readonly Delivery[] {
  return ({ unitId }) => [{ afterMs, bytes: rtuFrame(unitId, bytesOf(pdu)) }]
}

describe('reading raw registers', () => {
  it('gives the bytes as they were on the wire, and how long that took', async () => {
    const { clock, explorer } = await rigWith((request) => [
      { afterMs: 30, bytes: readReply(request, (address) => address) },
    ])
    const answer = await clock.run(explorer.readRaw(7, { register: 'input', address: 258, count: 2 }))
    assert.ok(answer.ok)
    assert.equal(Buffer.from(answer.bytes).toString('hex'), '01020103')
    assert.equal(answer.tookMs, 30)
  })

  it('gives bits packed', async () => {
    const { clock, explorer } = await rigWith(replying('01 02 cd01'))
    const answer = await clock.run(explorer.readRaw(7, { register: 'coil', address: 0, count: 9 }))
    assert.ok(answer.ok && Buffer.from(answer.bytes).toString('hex') === 'cd01')
  })

  it('resolves with a code when the device refuses or stays silent, within the time given', async () => {
    const { clock, bus, explorer } = await rigWith(replying('83 02'))
    const range = { register: 'holding', address: 0, count: 1 } as const
    const refused = await clock.run(explorer.readRaw(7, range))
    assert.ok(!refused.ok && refused.code === 'exception_2')
    bus.script = () => []
    const before = clock.mono()
    const silent = await clock.run(explorer.readRaw(8, range, { timeoutMs: 40 }))
    assert.ok(!silent.ok && silent.code === 'timeout')
    assert.ok(clock.mono() - before < 60, `${clock.mono() - before} ms`)
    assert.ok(silent.tookMs >= 40)
  })

  it('never takes a late reply of one register for another', async () => {
    const { clock, explorer } = await rigWith((request) => [
      { afterMs: request.index === 0 ? 90 : 5, bytes: readReply(request, (address) => address) },
    ])
    const read = (address: number) =>
      clock.run(explorer.readRaw(7, { register: 'holding', address, count: 1 }, { timeoutMs: 60 }))
    assert.equal((await read(100)).ok, false)
    for (let address = 200; address < 220; address++) {
      const answer = await read(address)
      assert.ok(!answer.ok || Buffer.from(answer.bytes).readUInt16BE() === address, `${address}`)
    }
  })

  it('rejects when the connection is closed, or breaks', async () => {
    const { clock, bus, driver, explorer } = await rigWith(() => [])
    const range = { register: 'holding', address: 0, count: 1 } as const
    void clock.wait(20).then(() => bus.unplug())
    await assert.rejects(clock.run(explorer.readRaw(7, range)), LinkError)
    await driver.close()
    await assert.rejects(clock.run(explorer.readRaw(7, range)), LinkError)
  })
})

describe('identifying a device', () => {
  it('asks part after part while more follows', async () => {
    const parts: Readonly<Record<number, string>> = {
      0: '2b 0e02 02 ff 02 02 00 04 41434d45 01 02 5058',
      2: '2b 0e02 02 ff 04 01 02 04 76312e30',
      4: '2b 0e02 02 00 00 01 04 05 4d65746572',
    }
    const { clock, bus, explorer } = await rigWith((request) =>
      replying(parts[request.pdu[3] ?? 0] ?? 'ab 02')(request),
    )
    assert.deepEqual(await clock.run(explorer.identify(9)), {
      ok: true,
      objects: { 0: 'ACME', 1: 'PX', 2: 'v1.0', 4: 'Meter' },
    })
    assert.deepEqual(
      bus.heard.map(({ pdu }) => Buffer.from(pdu).toString('hex')),
      ['2b0e0200', '2b0e0202', '2b0e0204'],
    )
  })

  it('takes the basic texts where the regular ones are refused', async () => {
    const { clock, explorer } = await rigWith((request) =>
      replying(request.pdu[2] === 1 ? '2b 0e01 01 00 00 01 00 04 41434d45' : 'ab 03')(request),
    )
    assert.deepEqual(await clock.run(explorer.identify(9)), { ok: true, objects: { 0: 'ACME' } })
  })

  it('of a device that does not know the function gives its code, after one request', async () => {
    const { clock, bus, explorer } = await rigWith(replying('ab 01'))
    assert.deepEqual(await clock.run(explorer.identify(9)), { ok: false, code: 'exception_1' })
    assert.equal(bus.heard.length, 1)
  })

  it('of nobody is a timeout', async () => {
    const { clock, explorer } = await rigWith(() => [])
    assert.deepEqual(await clock.run(explorer.identify(9)), { ok: false, code: 'timeout' })
  })

  it('keeps what came when a later part is lost', async () => {
    const { clock, explorer } = await rigWith((request) =>
      request.pdu[3] === 0 ? replying('2b 0e02 02 ff 01 01 00 04 41434d45')(request) : [],
    )
    assert.deepEqual(await clock.run(explorer.identify(9)), { ok: true, objects: { 0: 'ACME' } })
  })

  it('ends with a device that goes round in circles', async () => {
    const { clock, bus, explorer } = await rigWith(replying('2b 0e02 02 ff 00 01 00 04 41434d45'))
    assert.deepEqual(await clock.run(explorer.identify(9)), { ok: true, objects: { 0: 'ACME' } })
    assert.equal(bus.heard.length, 1)
  })
})
