import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { type Delivery, type HeardRequest, readReply, ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'
import { type Chance, chanceOf, newSeed } from '../../support/seeded.ts'

const EXCHANGES = 2_000
const TIMEOUT_MS = 60
const FAULTY = 0.4
const CODE = /^(timeout|crc|short_reply|foreign_reply|noise|exception_\d+)$/

/** Registers far apart, so that many requests look alike; some points are two registers wide. */
const points: readonly PointSettings[] = Array.from({ length: 12 }, (_, index) =>
  pointWith({ name: `p${index}`, address: index * 50, type: index % 3 === 2 ? 'uint32' : 'uint16' }),
)
const devices = [1, 2, 3].map((unitId) => deviceWith({ name: `unit${unitId}`, unitId, points }))

/** Every register of every unit holds something else. */
function wordOf(unitId: number, address: number): number {
  return unitId * 10_000 + address
}

function expected(unitId: number, point: PointSettings): number {
  const high = wordOf(unitId, point.address)
  return point.type === 'uint32' ? high * 65_536 + wordOf(unitId, point.address + 1) : high
}

const faults = [
  'silent',
  'late',
  'very late',
  'foreign unit',
  'wrong function',
  'wrong length',
  'bad checksum',
  'glued',
  'half',
  'echo',
  'noise before',
  'noise behind',
  'noise only',
  'late exception',
] as const
type FaultName = (typeof faults)[number]

/** Three units that answer one request after the other, with faults drawn by chance. */
class FaultyUnits {
  readonly counts = new Map<FaultName, number>(faults.map((fault) => [fault, 0]))
  faulty = 0
  readonly #chance: Chance
  readonly #clock: VirtualClock
  readonly #freeAt = new Map<number, number>()

  constructor(clock: VirtualClock, chance: Chance) {
    this.#clock = clock
    this.#chance = chance
  }

  readonly script = (request: HeardRequest): readonly Delivery[] => {
    const reply = readReply(request, (address) => wordOf(request.unitId, address))
    if (!this.#chance.hits(FAULTY)) return this.#deliver(request, this.#chance.between(1, 20), reply)
    const fault = this.#chance.oneOf(faults)
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1)
    this.faulty += 1
    return this.#faulty(request, reply, fault)
  }

  #faulty(request: HeardRequest, reply: Uint8Array, fault: FaultName): readonly Delivery[] {
    const { unitId, pdu } = request
    const soon = this.#chance.between(1, 20)
    switch (fault) {
      case 'silent':
        return []
      case 'late':
        return this.#deliver(request, TIMEOUT_MS + this.#chance.between(5, 60), reply)
      case 'very late':
        return this.#deliver(request, this.#chance.between(TIMEOUT_MS, 40 * TIMEOUT_MS), reply)
      case 'late exception':
        return this.#deliver(
          request,
          this.#chance.between(TIMEOUT_MS, 4 * TIMEOUT_MS),
          rtuFrame(unitId, Uint8Array.of((pdu[0] ?? 0) | 0x80, 2)),
        )
      case 'foreign unit':
        // At once: a sound frame in the name of a unit that is being asked, in answer to what it was asked, cannot be
        // told from the truth on a serial line.
        return [{ afterMs: soon, bytes: rtuFrame(unitId + 1, reply.subarray(1, -2)) }]
      case 'wrong function':
        return this.#deliver(request, soon, rtuFrame(unitId, Uint8Array.of(4, ...reply.subarray(2, -2))))
      case 'wrong length':
        return this.#deliver(
          request,
          soon,
          rtuFrame(unitId, Uint8Array.of(3, (reply[2] ?? 0) + 2, ...reply.subarray(3, -2), 1, 2)),
        )
      case 'bad checksum': {
        const bit = this.#chance.between(24, reply.length * 8 - 1)
        return this.#deliver(
          request,
          soon,
          reply.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
        )
      }
      case 'glued': {
        const other = readReply(request, (address) => wordOf(unitId, address) + 1)
        return this.#deliver(request, soon, Buffer.concat([this.#chance.hits(0.5) ? reply : other, reply]))
      }
      case 'half':
        return this.#deliver(request, soon, reply.subarray(0, this.#chance.between(1, reply.length - 1)))
      case 'echo':
        return [{ afterMs: 0, bytes: rtuFrame(unitId, pdu) }, ...this.#deliver(request, soon, reply)]
      case 'noise before':
        return [{ afterMs: 0, bytes: this.#noise() }, ...this.#deliver(request, soon, reply)]
      case 'noise behind':
        return this.#deliver(request, soon, Buffer.concat([reply, this.#noise()]))
      case 'noise only':
        return [{ afterMs: soon, bytes: this.#noise() }]
    }
  }

  /** A unit has one processor: a later request is never answered before an earlier one; it may be missed meanwhile. */
  #deliver(request: HeardRequest, afterMs: number, bytes: Uint8Array): readonly Delivery[] {
    const now = this.#clock.mono()
    const freeAt = this.#freeAt.get(request.unitId) ?? 0
    if (freeAt > now && this.#chance.hits(0.5)) return []
    const at = Math.max(now + afterMs, freeAt + 1)
    this.#freeAt.set(request.unitId, at)
    const cut = this.#chance.hits(0.3) ? this.#chance.between(0, bytes.length) : bytes.length
    return [
      { afterMs: at - now, bytes: bytes.subarray(0, cut) },
      { afterMs: at - now + 1, bytes: bytes.subarray(cut) },
    ].filter((delivery) => delivery.bytes.length > 0)
  }

  #noise(): Uint8Array {
    return Uint8Array.from({ length: this.#chance.between(1, 12) }, () => this.#chance.between(0, 255))
  }
}

it(`${EXCHANGES} exchanges, more than 30 % of them faulty: not one wrong value`, async (test) => {
  const chance = chanceOf(newSeed())
  test.diagnostic(`seed ${chance.seed} (TIDEGATE_SEED replays it)`)
  const clock = new VirtualClock()
  const units = new FaultyUnits(clock, chance)
  const bus = new ScriptedBus(clock, units.script)
  const driver = createDriver(rtuSettings(devices, { timeoutMs: TIMEOUT_MS }), { clock, openPort: () => bus.openPort })
  await clock.run(driver.open())
  let right = 0
  const codes = new Map<string, number>()
  while (bus.heard.length < EXCHANGES) {
    const device = chance.oneOf(devices)
    const wanted = points.filter(() => chance.hits(0.3))
    const samples = await clock.run(driver.read(device, wanted))
    assert.equal(samples.length, wanted.length)
    for (const sample of samples) {
      const point = wanted.find((candidate) => candidate.name === sample.point)
      assert.ok(point)
      if (sample.error === undefined) {
        assert.equal(sample.value, expected(device.unitId, point), `${device.name} ${point.name}, seed ${chance.seed}`)
        right += 1
      } else {
        assert.match(sample.error, CODE)
        codes.set(sample.error, (codes.get(sample.error) ?? 0) + 1)
      }
    }
    await clock.advance(chance.between(0, 200))
  }
  test.diagnostic(`${right} values right, errors ${JSON.stringify(Object.fromEntries(codes))}`)
  test.diagnostic(`faults ${JSON.stringify(Object.fromEntries(units.counts))}`)
  assert.ok(units.faulty / bus.heard.length > 0.3, `${units.faulty} of ${bus.heard.length} were faulty`)
  for (const [fault, count] of units.counts) assert.ok(count > 0, `no ${fault} in this run`)
  for (const code of ['timeout', 'crc', 'short_reply', 'foreign_reply']) assert.ok(codes.has(code), `no ${code}`)
  assert.ok(right > EXCHANGES / 5, `only ${right} values came through`)
})
