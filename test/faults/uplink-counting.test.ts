/**
 * An uplink and a server that fails in every way there is, hundreds of lives, each from a seed: nothing is ever missing,
 * what comes twice was in flight when a connection ended, the order of each topic holds, and the books balance.
 *
 * TIDEGATE_UPLINK_LIVES=1000 for more lives of each kind, TIDEGATE_SEED=N to live one again.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { newSeed } from '../support/seeded.ts'
import { type LifeOptions, liveLife } from '../support/uplink-life.ts'

const once = { delivery: 'at_most_once', keepaliveMs: 1_000 } as const
const flat = {
  format: { type: 'json-flat' },
  topics: { data: 't/{device}/{point}', event: 't/event', result: 't/command/{key}/result' },
} as const
const LIVES = Number(process.env['TIDEGATE_UPLINK_LIVES'] ?? 15)

function lives(what: string, options: LifeOptions): void {
  test(`${LIVES} lives with a server that fails: ${what}`, { timeout: 60_000 + LIVES * 10_000 }, async (t) => {
    const first = newSeed()
    const count = process.env['TIDEGATE_SEED'] === undefined ? LIVES : 1
    const sums = { records: 0, connections: 0, duplicates: 0, missing: 0, rejected: 0 }
    for (let seed = first; seed < first + count; seed++) {
      const report = await replayable(t, { seed, options })
      assert.deepEqual(report.faults, [], `TIDEGATE_SEED=${seed}\n${report.story.join('\n')}`)
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += report[key]
    }
    t.diagnostic(`seeds from ${first}: ${JSON.stringify(sums)}`)
    if (count > 1) assert.ok(sums.connections > count * 2 && sums.records > count * 50)
  })
}

async function replayable(t: TestContext, { seed, options }: { seed: number; options: LifeOptions }) {
  try {
    return await liveLife(t, seed, options)
  } catch (error) {
    // Told at once: what is left open then may keep the runner from its summary.
    t.diagnostic(`TIDEGATE_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`)
    throw new Error(`TIDEGATE_SEED=${seed}`, { cause: error })
  }
}

lives('one record a message or batches, as the seed says', {})
lives('the agent is killed in the middle', { dies: true })
lives('fresh records first', { settings: () => ({ order: 'live_first' }) })
lives('fresh records first, and the agent is killed', { settings: () => ({ order: 'live_first' }), dies: true })
lives('a message for each point', { settings: () => flat, batches: 'never' })
lives('compressed batches', { batches: 'gzip' })
lives('only some devices are wanted', { settings: () => ({ filter: { devices: ['d1', 'd3'] } }) })
lives('paced', {
  settings: (chance) => ({
    pace: { messagesPerSecond: chance.oneOf([1, 3]), bytesPerSecond: chance.oneOf([200, 2_000]) },
  }),
})
lives('topics as numbers, content types and ids beside the records', {
  settings: () => ({
    topicAliases: true,
    properties: { contentType: true, id: true, user: { site: 'x' }, expirySeconds: 60 },
  }),
})
lives('at most once', { settings: () => once })
lives('at most once, and the agent is killed', { settings: () => once, dies: true })
lives('all of it mixed, and the agent is killed', {
  settings: (chance) => ({
    order: chance.oneOf(['oldest_first', 'live_first']),
    topicAliases: chance.hits(0.5),
    properties: { contentType: chance.hits(0.5), id: chance.hits(0.5), user: {} },
    ...(chance.hits(0.3) ? { filter: { devices: [chance.oneOf(['d1', 'd2', 'd3'])] } } : {}),
    ...(chance.hits(0.3) ? { pace: { messagesPerSecond: chance.oneOf([1, 3]) } } : {}),
  }),
  dies: true,
})
lives('a message for each point, and the agent is killed', { settings: () => flat, batches: 'never', dies: true })
