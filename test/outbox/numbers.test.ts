/** P3: numbers go on from the highest one issued, also when no row and no position shows it any more. */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'

const NORTH_SOUTH = ['north', 'south'].map((name) => ({ name, startAt: 'tail' as const }))

test('P3: after a drop of all that an uplink had, a kill, and new records: none of them is lost', async (t) => {
  const site = await Site.open(t)
  await site.durable(99)
  const head = site.outbox.head()
  assert.deepEqual(await site.outbox.operator.dropBefore(head + 1, 'north'), { records: 100 })
  await site.durable(0)
  assert.equal(site.outbox.storedRange.first, 0, 'the rows are removed')
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.equal(next.outbox.epochs.running.firstSeq, head + 1)
  await next.durable(5)
  const records = await readAll(next.cursor())
  // The first record of the epoch, what was dropped, and five readings.
  assert.deepEqual(
    records.map(({ seq }) => seq - head),
    [1, 2, 3, 4, 5, 6, 7],
  )
  assertBooks(next, 'north', 7)
})

test('P3: the newest rows were for nobody and are let go: their numbers do not return', async (t) => {
  const site = await Site.open(t, { uplinks: NORTH_SOUTH, keepsDelivered: true })
  await site.durable(3)
  await site.durable(3, { to: 'nobody' })
  const head = site.outbox.head()
  for (const cursor of site.outbox.cursors) cursor.delivered(await readAll(cursor))
  await site.durable(0)
  site.outbox.releaseKept(head)
  await site.durable(0)
  assert.equal(site.outbox.storedRange.first, 0, 'the rows are removed')
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file), uplinks: NORTH_SOUTH })
  assert.equal(next.outbox.epochs.running.firstSeq, head + 1)
})
