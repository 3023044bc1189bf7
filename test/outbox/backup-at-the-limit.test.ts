import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { systemClock as clock } from '../../src/clock.ts'
import { silentLogger as log } from '../../src/log.ts'
import { Keeper } from '../../src/outbox/keeper.ts'
import { Site } from '../support/outbox-site.ts'

const MIB = 1024 * 1024

test('max_size: a backup, during which the log cannot be cut, costs no backlog', async (t) => {
  const site = await Site.open(t)
  const { storage, outbox } = site
  const some = () => site.durable(500, { body: `"v":"${'x'.repeat(1_000)}"` })
  while (storage.facts.usedBytes < 40 * MIB) await some()
  const keeper = new Keeper(outbox, {
    storage,
    clock,
    log,
    maxAgeMs: 1e15,
    maxSizeBytes: 40 * MIB,
    minFreeDiskBytes: 0,
    whenFull: 'drop_oldest',
    keepDeliveredMs: 0,
    expiriesMs: [],
    diskUse: () => storage.facts,
  })
  let over = false
  const written = storage.backup(join(dirname(site.file), 'copy.db')).finally(() => {
    over = true
  })
  let added = 0
  while (!over) {
    await some()
    added += 500
    await keeper.check()
  }
  await written
  const { dropped } = site.cursor().account.totals()
  // What came goes on the other side; beside it the limit's slack, and what the log counts for until it is cut.
  assert.ok(dropped < added + 4_000, `${dropped} were dropped for ${added}`)
})
