/** Promise P6 and the ground of P8: on a line where everything goes wrong, no wrong value and no false confirmation. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { asciiFrame } from '../../../src/drivers/modbus/ascii.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import { asciiContent, type Script, ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { exercise, exercisedDevices, exercisedUnits } from '../../support/bus-exercise.ts'
import { asciiSettings, rtuOverTcpSettings, rtuSettings } from '../../support/bus-settings.ts'
import { FaultyBus } from '../../support/faulty-bus.ts'
import { chanceOf, newSeed } from '../../support/seeded.ts'

const EXCHANGES = Number(process.env['TIDEGATE_EXCHANGES'] ?? 10_000)
const TIMEOUT_MS = 60

const framings = {
  RTU: { frame: rtuFrame, settings: rtuSettings, contentOf: undefined },
  ASCII: { frame: asciiFrame, settings: asciiSettings, contentOf: asciiContent },
  'RTU over TCP': { frame: rtuFrame, settings: rtuOverTcpSettings, contentOf: undefined },
} as const

for (const [name, { frame, settings, contentOf }] of Object.entries(framings)) {
  it(`${EXCHANGES} exchanges by ${name}, more than 30 % of them faulty: not one wrong value`, async (test) => {
    const chance = chanceOf(newSeed())
    test.diagnostic(`seed ${chance.seed} (TIDEGATE_SEED replays it)`)
    const clock = new VirtualClock()
    const hear: Script = ({ unitId, pdu }) => {
      bus.hear(unitId, pdu)
      return []
    }
    const line = new ScriptedBus(clock, hear, contentOf)
    const say = (bytes: Uint8Array) => line.say(bytes)
    const bus = new FaultyBus({
      clock,
      chance,
      unitIds: exercisedUnits,
      timeoutMs: TIMEOUT_MS,
      faulty: 0.4,
      frame,
      say,
    })
    const driver = createDriver(settings(exercisedDevices, { timeoutMs: TIMEOUT_MS, timeoutMinMs: 25 }), {
      clock,
      openPort: () => line.openPort,
    })
    await clock.run(driver.open())
    const run = <T>(promise: Promise<T>) => clock.run(promise)
    const { right, writes, codes, wrong } = await exercise({ driver, bus, clock, chance, exchanges: EXCHANGES, run })
    test.diagnostic(`${right} values right, ${writes} writes, errors ${JSON.stringify(Object.fromEntries(codes))}`)
    test.diagnostic(`faults ${JSON.stringify(Object.fromEntries(bus.counts))}`)
    assert.deepEqual(wrong, [], `seed ${chance.seed}`)
    assert.ok(bus.faulty / bus.requests > 0.3, `${bus.faulty} of ${bus.requests} were faulty`)
    for (const [fault, count] of bus.counts) assert.ok(count > 0, `no ${fault} in this run`)
    for (const code of ['timeout', 'crc', 'short_reply', 'foreign_reply']) assert.ok(codes.has(code), `no ${code}`)
    assert.ok(right > EXCHANGES / 5, `only ${right} values came through`)
  })
}
