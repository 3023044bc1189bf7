/**
 * The outbox against a twin made of plain sets: random life with every interleaving of main thread and storage thread,
 * power cuts, thread deaths, limits, uplinks that come and go. P1: nothing confirmed is lost. P3: no id stands for two
 * things. P4: the books add up at every moment, in memory and recounted from the rows.
 *
 * TIDEGATE_MODEL_RUNS=5000 looks longer, TIDEGATE_SEED repeats a run, TIDEGATE_MODEL_SHRINK=1 looks for a shorter one.
 */
import { test } from 'node:test'
import fc from 'fast-check'
import { anyCommand, anyLife, type Command, lifeName } from '../support/outbox-commands.ts'
import { type Life, OutboxRun } from '../support/outbox-run.ts'
import { newSeed } from '../support/seeded.ts'

const RUNS = Number(process.env['TIDEGATE_MODEL_RUNS'] ?? 150)
const SHRINKS = process.env['TIDEGATE_MODEL_SHRINK'] === '1'

test('whatever happens, nothing confirmed is lost, no id returns and the books add up', async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}, ${RUNS} runs`)
  const commands = fc.array(anyCommand, { minLength: SHRINKS ? 0 : 30, maxLength: 90, size: 'max' })
  const property = fc.asyncProperty(anyLife, commands, live)
  await fc.assert(property, { seed, numRuns: RUNS, endOnFailure: !SHRINKS })
})

async function live(first: Life, commands: readonly Command[]): Promise<void> {
  const run = new OutboxRun()
  const done: string[] = [`start with ${lifeName(first)}`]
  try {
    await run.open(first)
    for (const { name, act } of commands) {
      done.push(name)
      await act(run)
      await run.check()
    }
    await run.stop()
    run.checkLedger()
    await run.open(run.life)
    await run.drain()
    run.checkDrained()
  } catch (error) {
    throw new Error(`after ${done.length}: ${done.slice(-1)}`, { cause: error })
  } finally {
    run.end()
  }
}
