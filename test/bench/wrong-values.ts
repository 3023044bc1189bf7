/**
 * What reaches the application on a line where things go wrong: our driver, and the plain modbus-serial client, each on
 * pseudo-terminal buses with faults of the same kinds in the same share, drawn from the same seed. One by one they are not
 * the same faults, because the requests are not. Prints how many values came back, and how many of them were wrong.
 */
import modbusSerial from 'modbus-serial'
import { systemClock } from '../../src/clock.ts'
import { createDriver } from '../../src/drivers/catalog.ts'
import { exercise, exercisedDevices } from '../support/bus-exercise.ts'
import type { BusRegisters } from '../support/bus-registers.ts'
import { rtuSettings } from '../support/bus-settings.ts'
import { PtyBus } from '../support/pty-bus.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'

const EXCHANGES = Number(process.env['TIDEGATE_EXCHANGES'] ?? 4_000)
const BUSES = 16
const TIMEOUT_MS = 40

interface Result {
  readonly right: number
  readonly wrong: number
}

type Contender = (far: PtyBus, chance: Chance) => Promise<Result>

const tidegate: Contender = async (far, chance) => {
  const driver = createDriver(
    rtuSettings(exercisedDevices, { port: far.path, timeoutMs: TIMEOUT_MS, timeoutMinMs: TIMEOUT_MS / 2 }),
  )
  await driver.open()
  const run = <T>(promise: Promise<T>) => promise
  const exchanges = EXCHANGES / BUSES
  const { right, wrong } = await exercise({ driver, bus: far.bus, clock: systemClock, chance, exchanges, run })
  await driver.close()
  return { right, wrong: wrong.length }
}

/** As its manual shows it: open, set a timeout, read registers one after the other, count what resolves. */
function plain(open: 'connectRTU' | 'connectRTUBuffered'): Contender {
  return async (far, chance) => {
    const client = new modbusSerial.default()
    await client[open](far.path, { baudRate: 9600 })
    client.setTimeout(TIMEOUT_MS)
    let right = 0
    let wrong = 0
    while (far.bus.requests < EXCHANGES / BUSES) {
      const unit = chance.oneOf([...far.bus.units.values()])
      const address = chance.between(0, 20) * 100
      client.setID(unit.unitId)
      const value = await client.readHoldingRegisters(address, 1).then(
        ({ data }) => data[0],
        () => undefined,
      )
      if (value === undefined) continue
      if (isRight(unit, address, value)) right += 1
      else wrong += 1
    }
    await new Promise<void>((resolve) => client.close(() => resolve()))
    return { right, wrong }
  }
}

function isRight(unit: BusRegisters, address: number, value: number): boolean {
  return unit.word(3, address) === value
}

async function contest(name: string, contender: Contender, seed: number): Promise<void> {
  const startedAt = performance.now()
  const results = await Promise.all(
    Array.from({ length: BUSES }, async (_, index) => {
      const chance = chanceOf(seed + index)
      const far = await PtyBus.open({ chance, timeoutMs: TIMEOUT_MS, faulty: 0.4 })
      try {
        return await contender(far, chance)
      } finally {
        await far.close()
      }
    }),
  )
  const right = results.reduce((sum, result) => sum + result.right, 0)
  const wrong = results.reduce((sum, result) => sum + result.wrong, 0)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  const share = ((100 * wrong) / Math.max(1, right + wrong)).toFixed(1)
  console.log(
    `${name.padEnd(34)} ${String(right).padStart(6)} right ${String(wrong).padStart(6)} wrong (${share} %)  ${seconds} s`,
  )
}

const seed = newSeed()
console.log(
  `${EXCHANGES} exchanges each on ${BUSES} lines, 40 % of them faulty, timeout ${TIMEOUT_MS} ms, seed ${seed}`,
)
await contest('tidegate', tidegate, seed)
await contest('modbus-serial connectRTU', plain('connectRTU'), seed)
await contest('modbus-serial connectRTUBuffered', plain('connectRTUBuffered'), seed)
