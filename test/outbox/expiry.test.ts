/** Limit `expires_after`: what nobody wants late is removed from the table in slices, and booked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR, LimitSite } from '../support/outbox-limits.ts'

const MINUTE = 60_000

test('expired rows are removed and booked as dropped with reason expires_after; others stay', async (t) => {
  const site = await LimitSite.open(t)
  for (let round = 0; round < 3; round += 1) {
    await site.durable(2, { expiresAfterMs: 10 * MINUTE })
    await site.durable(1, { expiresAfterMs: 2 * HOUR })
    await site.durable(1)
    site.clock.monoStep += 5 * MINUTE
  }
  const keeper = site.keeper({ expiriesMs: [2 * HOUR, 10 * MINUTE] })
  await keeper.check()
  assert.deepEqual(site.losses(), [['expires_after', 4]])
  assert.equal(site.count('expires = 600000'), 2)
  assert.equal(site.pending(), 13 - 4)
  site.clock.monoStep += 3 * HOUR
  await keeper.check()
  assert.equal(site.count('expires > 0'), 0)
  assert.equal(site.count(), 4)
  assert.equal(site.pending(), 4)
  assert.deepEqual(site.losses(), [['expires_after', 9]])
})

test('rows that expire later than any duration configured now are swept as far as a configured one covers them', async (t) => {
  const site = await LimitSite.open(t)
  await site.durable(3, { expiresAfterMs: MINUTE })
  await site.durable(3, { expiresAfterMs: HOUR })
  site.clock.monoStep += 2 * HOUR
  await site.keeper({ expiriesMs: [10 * MINUTE] }).check()
  assert.equal(site.count('expires = 60000'), 0)
  assert.equal(site.count('expires = 3600000'), 3)
})

test('a long backlog is swept in slices, and each row is looked at once', async (t) => {
  const site = await LimitSite.open(t)
  await site.durable(5_000)
  await site.durable(2_500, { expiresAfterMs: MINUTE })
  await site.durable(5_000)
  await site.durable(500, { expiresAfterMs: MINUTE })
  site.clock.monoStep += HOUR
  const slices = countReads(site)
  const keeper = site.keeper({ expiriesMs: [MINUTE] })
  await keeper.check()
  assert.equal(site.count('expires > 0'), 0)
  assert.equal(site.dropped(), 3_000)
  const first = slices()
  assert.ok(first >= 7 && first < 20, `${first} slices`)
  await keeper.check()
  assert.ok(slices() - first <= 2, 'the second sweep began from the start')
})

test('a row in flight is left to its uplink', async (t) => {
  const site = await LimitSite.open(t)
  await site.durable(5, { expiresAfterMs: MINUTE })
  const flying = await site.outbox.cursor('north').next(3)
  site.clock.monoStep += HOUR
  await site.keeper({ expiriesMs: [MINUTE] }).check()
  assert.equal(site.dropped(), 3)
  site.outbox.cursor('north').delivered(flying)
  assert.equal(site.pending(), 0)
})

/** How often the keeper asked for expiring rows. */
function countReads(site: LimitSite): () => number {
  let count = 0
  const { storage } = site
  const read = storage.read.bind(storage)
  storage.read = (question) => {
    if (JSON.stringify(question.args).includes('"expiring"')) count += 1
    return read(question)
  }
  return () => count
}
