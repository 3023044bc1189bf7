/** Promise P6 on real serial ports and in real time: faults of all the kinds that the virtual bus knows, from a far end that has them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createDriver } from '../../src/drivers/catalog.ts'
import { exercise, exercisedDevices, type Findings } from '../support/bus-exercise.ts'
import { rtuSettings } from '../support/bus-settings.ts'
import { busFaults } from '../support/faulty-bus.ts'
import { needs } from '../support/needs.ts'
import { PtyBus } from '../support/pty-bus.ts'
import { chanceOf, newSeed } from '../support/seeded.ts'

const EXCHANGES = Number(process.env['TIDEGATE_EXCHANGES'] ?? 10_000)
/** Buses at work at the same time: nearly all their time is waiting. */
const BUSES = 16
const TIMEOUT_MS = 40

it(`${EXCHANGES} exchanges over pseudo terminals, more than 30 % of them faulty: not one wrong value`, async (test) => {
  if (!needs(test, 'socat')) return
  const seed = newSeed()
  test.diagnostic(`seed ${seed} (TIDEGATE_SEED brings the same drawing; the times, and so the requests, are real)`)
  const runs = await Promise.all(Array.from({ length: BUSES }, (_, index) => runOne(seed + index, EXCHANGES / BUSES)))
  const all = (pick: (run: (typeof runs)[number]) => number) => runs.reduce((sum, run) => sum + pick(run), 0)
  const faults = busFaults.map((fault) => [fault, all(({ bus }) => bus.counts.get(fault) ?? 0)] as const)
  const right = all(({ findings }) => findings.right)
  test.diagnostic(`${right} values right, ${all(({ findings }) => findings.writes)} writes`)
  test.diagnostic(`faults ${JSON.stringify(Object.fromEntries(faults))}`)
  assert.deepEqual(
    runs.flatMap(({ findings }) => findings.wrong),
    [],
    `seed ${seed}`,
  )
  assert.ok(all(({ bus }) => bus.faulty) / all(({ bus }) => bus.requests) > 0.3, 'too few were faulty')
  for (const [fault, count] of faults) assert.ok(count > 0, `no ${fault} in this run`)
  // A machine that is busy with other things sees many replies too late.
  assert.ok(right > EXCHANGES / 20, `only ${right} values came through`)
})

async function runOne(seed: number, exchanges: number): Promise<{ findings: Findings; bus: PtyBus['bus'] }> {
  const chance = chanceOf(seed)
  const far = await PtyBus.open({ chance, timeoutMs: TIMEOUT_MS, faulty: 0.4 })
  const { bus, path } = far
  const settings = rtuSettings(exercisedDevices, { port: path, timeoutMs: TIMEOUT_MS, timeoutMinMs: TIMEOUT_MS / 2 })
  const driver = createDriver(settings)
  try {
    await driver.open()
    const run = <T>(promise: Promise<T>) => promise
    return { findings: await exercise({ driver, bus, clock: systemClock, chance, exchanges, run }), bus }
  } finally {
    await driver.close()
    await far.close()
  }
}
