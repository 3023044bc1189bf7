/** What the line between units and clients does: faults become bytes, bytes take time, two at once damage each other. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rtuFrame, tcpFrame } from '../../../src/drivers/modbus/frame.ts'
import { type BusOptions, SimulatedBus } from '../../../src/drivers/simulator/bus.ts'
import { asciiDevice, rtuDevice, tcpDevice } from '../../../src/drivers/simulator/framing.ts'
import { RequestStream } from '../../../src/drivers/simulator/request-stream.ts'
import { SimulatedUnit } from '../../../src/drivers/simulator/unit.ts'
import type { Fault } from '../../../src/simulation.ts'
import { VirtualClock } from '../../support/bus-clock.ts'

const line = { baud: 9_600, dataBits: 8, parity: 'none', stopBits: 1 } as const
const BYTE_MS = 10_000 / 9_600
const SILENCE_MS = 3.5 * BYTE_MS
const ask = Uint8Array.of(3, 0, 0, 0, 1)
const sound = Uint8Array.of(3, 2, 0, 7)

interface Said {
  readonly atMs: number
  readonly hex: string
}

class Rig {
  readonly clock = new VirtualClock()
  readonly said: Said[] = []
  readonly bus: SimulatedBus
  readonly stream: RequestStream
  readonly units: readonly SimulatedUnit[]
  readonly #startedAt = this.clock.mono()

  constructor(options: Partial<BusOptions> = {}) {
    this.units = [1, 2].map((unitId) => {
      const register = { register: 'holding', address: 0, type: 'uint16', value: 7, writable: true } as const
      return new SimulatedUnit(unitId, [register], { delayMs: unitId === 2 ? 5 : 0 })
    })
    this.bus = new SimulatedBus(this.units, { framing: rtuDevice, clock: this.clock, ...options })
    this.stream = new RequestStream(this.bus, (bytes) => {
      this.said.push({ atMs: this.clock.mono() - this.#startedAt, hex: Buffer.from(bytes).toString('hex') })
    })
  }

  get frames(): string[] {
    return this.said.map((one) => one.hex)
  }
}

function rtuHex(unitId: number, pdu: Uint8Array): string {
  return Buffer.from(rtuFrame(unitId, pdu)).toString('hex')
}

describe('faults on the wire', () => {
  const good = rtuHex(1, sound)
  const table: readonly (readonly [Fault, string | undefined])[] = [
    [{ kind: 'none' }, good],
    [{ kind: 'dead' }, undefined],
    [{ kind: 'exception', code: 6 }, rtuHex(1, Uint8Array.of(0x83, 6))],
    [{ kind: 'foreign', unitId: 9 }, rtuHex(9, sound)],
    [{ kind: 'wrong_function' }, rtuHex(1, Uint8Array.of(4, 2, 0, 7))],
    [{ kind: 'wrong_length' }, rtuHex(1, Uint8Array.of(3, 4, 0, 7, 0, 0))],
    [{ kind: 'torn', bytes: 4 }, good.slice(0, 8)],
    [{ kind: 'noisy' }, `00ff5513378042${good}`],
    [{ kind: 'noisy', where: 'both' }, `00ff5513378042${good}00ff5513378042`],
    [{ kind: 'noisy', where: 'behind' }, `${good}00ff5513378042`],
    [{ kind: 'doubled' }, good + good],
    [{ kind: 'glued' }, rtuHex(2, Uint8Array.of(3, 2, 0, 6)) + good],
    [{ kind: 'echo' }, rtuHex(1, ask) + good],
  ]
  for (const [fault, expected] of table) {
    it(`${fault.kind}${fault.kind === 'noisy' ? ` ${fault.where ?? ''}` : ''}`, async () => {
      const rig = new Rig()
      const [unit] = rig.units
      if (unit) unit.fault = fault
      rig.stream.push(rtuFrame(1, ask))
      await rig.clock.advance(100)
      assert.deepEqual(rig.frames, expected === undefined ? [] : [expected])
      assert.equal(unit?.faults.get(fault.kind), fault.kind === 'none' ? undefined : 1)
      assert.equal(unit?.requests, 1)
    })
  }

  it('crc: one bit is wrong; over TCP, where nobody could tell, nothing is said', async () => {
    for (const [framing, frame] of [
      [rtuDevice, rtuFrame(1, ask)],
      [asciiDevice, asciiDevice.build({ unitId: 1, pdu: ask, transaction: 0 })],
      [tcpDevice, tcpFrame({ unitId: 1, pdu: ask, transaction: 1 })],
    ] as const) {
      const rig = new Rig({ framing })
      for (const unit of rig.units) unit.fault = { kind: 'crc' }
      rig.stream.push(frame)
      await rig.clock.advance(100)
      const expected = Buffer.from(framing.build({ unitId: 1, pdu: sound, transaction: 1 })).toString('hex')
      assert.equal(rig.frames.length, framing === tcpDevice ? 0 : 1)
      assert.notEqual(rig.frames[0], expected)
    }
  })

  it('a dead unit and a refusing one do nothing; a late one does it at once and says so late', async () => {
    const write = Uint8Array.of(6, 0, 0, 0, 9)
    for (const [fault, word] of [
      [{ kind: 'dead' }, 7],
      [{ kind: 'exception', code: 4 }, 7],
      [{ kind: 'late', ms: 3_000 }, 9],
    ] as const) {
      const rig = new Rig()
      const unit = rig.units[0] ?? assert.fail()
      unit.fault = fault
      rig.stream.push(rtuFrame(1, write))
      await rig.clock.advance(2_999)
      assert.equal(unit.word('holding', 0), word)
      assert.equal(rig.said.length, fault.kind === 'exception' ? 1 : 0)
      await rig.clock.advance(1)
      assert.equal(rig.said.length, fault.kind === 'dead' ? 0 : 1)
    }
  })
})

describe('a simulated line', () => {
  it('request, silence, delay and reply take the time they have at 9600 baud', async () => {
    const rig = new Rig({ line, simulate: 'shared' })
    rig.stream.push(rtuFrame(2, ask))
    await rig.clock.advance(1_000)
    assert.equal(rig.said.length, 1)
    assert.ok(Math.abs((rig.said[0]?.atMs ?? 0) - (8 * BYTE_MS + SILENCE_MS + 5 + 7 * BYTE_MS)) < 1e-6)
  })

  it('a request that meets a reply damages both', async () => {
    const rig = new Rig({ line, simulate: 'shared' })
    rig.stream.push(rtuFrame(1, ask))
    await rig.clock.advance(8 * BYTE_MS + SILENCE_MS + BYTE_MS)
    rig.stream.push(rtuFrame(2, ask))
    await rig.clock.advance(1_000)
    assert.equal(rig.said.length, 1)
    assert.notEqual(rig.frames[0], rtuHex(1, sound))
    assert.deepEqual([rig.bus.collisions, rig.units[1]?.requests], [2, 0])
  })

  it('behind a server the exchanges of several clients follow one another', async () => {
    const rig = new Rig({ framing: tcpDevice, line, simulate: 'behind-server' })
    for (const transaction of [1, 2]) rig.stream.push(tcpFrame({ unitId: 1, pdu: ask, transaction }))
    await rig.clock.advance(1_000)
    const exchange = 15 * BYTE_MS + SILENCE_MS
    assert.deepEqual(
      rig.said.map(({ atMs }) => Math.round(atMs)),
      [Math.round(exchange), Math.round(2 * exchange)],
    )
    assert.equal(rig.bus.collisions, 0)
  })

  it('what is said to everybody is done by all and answered by none', async () => {
    const rig = new Rig({ line })
    rig.stream.push(rtuFrame(0, Uint8Array.of(6, 0, 0, 0, 9)))
    rig.stream.push(rtuFrame(0, ask))
    await rig.clock.advance(1_000)
    assert.deepEqual(
      rig.units.map((unit) => unit.word('holding', 0)),
      [9, 9],
    )
    assert.deepEqual([rig.said, rig.bus.broadcasts], [[], 2])
  })

  it('a unit that is not there is silence, or the exception of a converter', async () => {
    const silent = new Rig()
    silent.stream.push(rtuFrame(77, ask))
    await silent.clock.advance(100)
    assert.deepEqual([silent.said, silent.bus.unknownUnits], [[], 1])
    const converter = new Rig({ framing: tcpDevice, unknownUnit: 11 })
    converter.stream.push(tcpFrame({ unitId: 77, pdu: ask, transaction: 4 }))
    assert.deepEqual(converter.frames, ['0004000000034d830b'])
  })

  it('a function that is unknown is refused once the line is quiet', async () => {
    const rig = new Rig({ line })
    rig.stream.push(rtuFrame(1, Uint8Array.of(0x41, 1, 2)))
    await rig.clock.advance(20)
    assert.equal(rig.said.length, 0)
    await rig.clock.advance(100)
    assert.deepEqual(rig.frames, [rtuHex(1, Uint8Array.of(0xc1, 1))])
  })
})
