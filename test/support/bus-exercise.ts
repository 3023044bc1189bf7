/** Reads and writes without end on a faulty bus, and compares every result with what the units really held. */
import assert from 'node:assert/strict'
import type { Clock } from '../../src/clock.ts'
import { type Driver, LinkError, WriteError } from '../../src/drivers/driver.ts'
import type { Value } from '../../src/model.ts'
import type { DeviceSettings, PointSettings } from '../../src/settings.ts'
import type { BusRegisters } from './bus-registers.ts'
import { deviceWith, pointWith } from './bus-settings.ts'
import type { FaultyBus } from './faulty-bus.ts'
import type { Chance } from './seeded.ts'

/** Registers far apart, so that many requests look alike; two sizes, four tables, and some that are written. */
const points: readonly PointSettings[] = [
  ...Array.from({ length: 8 }, (_, index) =>
    pointWith({ name: `h${index}`, address: index * 200, type: index % 3 === 2 ? 'uint32' : 'uint16' }),
  ),
  ...[0, 300, 600].map((address) => pointWith({ name: `i${address}`, register: 'input', address })),
  ...[0, 3000, 6000].map((address) => pointWith({ name: `c${address}`, register: 'coil', address, type: 'bool' })),
  ...[0, 3000].map((address) => pointWith({ name: `d${address}`, register: 'discrete', address, type: 'bool' })),
  pointWith({ name: 'w16', address: 5_000, access: 'rw' }),
  pointWith({ name: 'w32', address: 5_400, type: 'uint32', access: 'rw' }),
  pointWith({ name: 'wc', register: 'coil', address: 9_000, type: 'bool', access: 'rw' }),
]
const writable = points.filter((point) => point.access === 'rw')
const WRITES = 0.15
const CODE = /^(timeout|crc|short_reply|foreign_reply|noise|io|exception_\d+)$/

export const exercisedUnits = [1, 2, 3]
export const exercisedDevices: readonly DeviceSettings[] = exercisedUnits.map((unitId) =>
  deviceWith({ name: `unit${unitId}`, unitId, points }),
)

export interface Exercise {
  readonly driver: Driver
  readonly bus: FaultyBus
  readonly clock: Clock
  readonly chance: Chance
  /** Requests on the line. */
  readonly exchanges: number
  /** Waits for a promise: as it is, or by moving a virtual clock. */
  readonly run: <T>(promise: Promise<T>) => Promise<T>
}

export interface Findings {
  right: number
  writes: number
  /** Error codes, and how many samples and writes ended with each. */
  readonly codes: Map<string, number>
  /** Wrong values and false confirmations: one line each. */
  readonly wrong: string[]
  /** Writes that may have been carried out. */
  readonly uncertain: Set<string>
}

/** Until so many requests were heard. Never rejects for what a driver may do; `wrong` must be empty. */
export async function exercise(options: Exercise): Promise<Findings> {
  const { bus, chance, clock, run } = options
  const findings: Findings = { right: 0, writes: 0, codes: new Map(), wrong: [], uncertain: new Set() }
  while (bus.requests < options.exchanges) {
    const device = chance.oneOf(exercisedDevices)
    try {
      if (chance.hits(WRITES)) await writeOne(options, device, findings)
      else await readSome(options, device, findings)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      count(findings, error.code)
      await run(options.driver.close())
      await run(options.driver.open())
    }
    if (chance.hits(0.3)) await run(clock.wait(chance.between(0, 60)))
  }
  return findings
}

async function readSome(options: Exercise, device: DeviceSettings, findings: Findings): Promise<void> {
  const { bus, chance, driver, run } = options
  const unit = unitOf(bus, device)
  const wanted = points.filter(() => chance.hits(0.25))
  const before = unit.history.length - 1
  const samples = await run(driver.read(device, wanted))
  assert.equal(samples.length, wanted.length, 'one sample per point')
  for (const sample of samples) {
    const point = wanted.find((candidate) => candidate.name === sample.point) ?? assert.fail(sample.point)
    if (sample.error !== undefined) {
      assert.match(sample.error, CODE)
      count(findings, sample.error)
    } else if (wasHeld(unit, point, { value: sample.value, before })) {
      findings.right += 1
    } else {
      findings.wrong.push(`${device.name} ${point.name} read as ${sample.value}, held ${heldBy(unit, point, before)}`)
    }
  }
}

async function writeOne(options: Exercise, device: DeviceSettings, findings: Findings): Promise<void> {
  const { bus, chance, driver, run } = options
  const unit = unitOf(bus, device)
  const point = chance.oneOf(writable)
  const value = point.type === 'bool' ? chance.hits(0.5) : chance.between(0, 65_535)
  const before = unit.history.length - 1
  const happened = () =>
    unit.history.slice(before + 1).some((_, index) => heldBy(unit, point, before + 1 + index) === value)
  try {
    await run(driver.write(device, point, value))
    findings.writes += 1
    if (!happened()) findings.wrong.push(`${device.name} ${point.name} = ${value} confirmed, and never carried out`)
  } catch (error) {
    if (!(error instanceof WriteError)) throw error
    count(findings, error.code)
    const same = `${device.name} ${point.name} = ${value}`
    // An older one of the same kind that is carried out late would look like this one.
    if (error.happened === 'maybe') findings.uncertain.add(same)
    else if (!findings.uncertain.has(same) && !error.code.startsWith('exception_') && happened())
      findings.wrong.push(`${same} called unsent, and carried out`)
  }
}

/** Did the point hold this at any time since? A read that takes long may show what was there when its unit looked. */
function wasHeld(unit: BusRegisters, point: PointSettings, seen: { value: Value; before: number }): boolean {
  for (let writes = seen.before; writes < unit.history.length; writes++) {
    if (heldBy(unit, point, writes) === seen.value) return true
  }
  return false
}

const tables = { coil: 1, discrete: 2, holding: 3, input: 4 } as const

function heldBy(unit: BusRegisters, point: PointSettings, writes: number): Value {
  const table = tables[point.register]
  const first = unit.word(table, point.address, writes)
  if (table <= 2) return first === 1
  return point.type === 'uint32' ? first * 65_536 + unit.word(table, point.address + 1, writes) : first
}

function unitOf(bus: FaultyBus, device: DeviceSettings): BusRegisters {
  return bus.units.get(device.unitId) ?? assert.fail(`no unit ${device.unitId}`)
}

function count(findings: Findings, code: string): void {
  findings.codes.set(code, (findings.codes.get(code) ?? 0) + 1)
}
