/**
 * The outbox against a twin made of plain sets: random life with every interleaving of main thread and storage thread,
 * power cuts, thread deaths, full disks and failed syncs, limits, operators, uplinks that come, go and are renamed. P1:
 * nothing confirmed is lost. P3: no id stands for two things. P4: the books add up at every moment, in memory and
 * recounted from the rows.
 *
 * TIDEGATE_MODEL_RUNS=20000 looks longer, TIDEGATE_SEED repeats a run, TIDEGATE_MODEL_SHRINK=1 looks for a shorter one.
 * What was found is kept in test/cases/outbox-model and always run.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { drain, perform } from '../support/outbox-acts.ts'
import { OutboxRun } from '../support/outbox-run.ts'
import { anyLife, anyStep, type Life, type Step } from '../support/outbox-steps.ts'
import { emptyDisk, newOutboxDisk } from '../support/outbox-storage.ts'
import { tally } from '../support/outbox-twin.ts'
import { newSeed } from '../support/seeded.ts'

const RUNS = Number(process.env['TIDEGATE_MODEL_RUNS'] ?? 3_000)
const SHRINKS = process.env['TIDEGATE_MODEL_SHRINK'] === '1'
const TIMED = { timeout: 120_000 + RUNS * 20 }
const disk = newOutboxDisk()

/** One list of steps, as it is kept. */
interface Case {
  readonly first: Life
  readonly steps: readonly Step[]
}

for (const file of globSync(new URL('../cases/outbox-model/*.json', import.meta.url).pathname).sort()) {
  test(`found before: ${basename(file, '.json')}`, () => live(JSON.parse(readFileSync(file, 'utf8')) as Case))
}

test('whatever happens, nothing confirmed is lost, no id returns and the books add up', TIMED, async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}, ${RUNS} runs`)
  const anyCase: fc.Arbitrary<Case> = fc.record({
    first: anyLife,
    steps: fc.array(anyStep, { minLength: SHRINKS ? 0 : 30, maxLength: 110, size: 'max' }),
  })
  const result = await fc.check(fc.asyncProperty(anyCase, live), { seed, numRuns: RUNS, endOnFailure: !SHRINKS })
  t.diagnostic(`what is rare: ${JSON.stringify(tally)}`)
  if (!result.failed) {
    for (const [what, count] of Object.entries(tally)) assert.ok(count >= RUNS / 500, `only ${count} were ${what}`)
    return
  }
  const [found] = result.counterexample ?? []
  throw new Error(
    [
      `failed in run ${result.numRuns}; again: TIDEGATE_SEED=${seed} TIDEGATE_MODEL_RUNS=${RUNS} npm test -- test/outbox/model`,
      ...(SHRINKS ? [] : ['a shorter one: the same with TIDEGATE_MODEL_SHRINK=1']),
      'to be kept in test/cases/outbox-model:',
      JSON.stringify(found),
    ].join('\n'),
    { cause: result.errorInstance },
  )
})

async function live({ first, steps }: Case): Promise<void> {
  emptyDisk(disk)
  const run = new OutboxRun(disk)
  let done = 0
  try {
    await run.open(first)
    for (const step of steps) {
      done += 1
      await perform(run, step)
      await run.check()
    }
    await run.stop()
    run.checkLedger()
    await run.open({ ...run.life, keeps: false })
    await drain(run)
    run.checkDrained()
  } catch (error) {
    throw new Error(`after step ${done} of ${steps.length}: ${JSON.stringify(steps[done - 1])}`, { cause: error })
  } finally {
    run.end()
  }
}
