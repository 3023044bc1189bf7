import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooks, look, readAll, Site } from '../support/outbox-site.ts'

test('a rejected record is kept with its reason, counted and never handed out again', async (t) => {
  const site = await Site.open(t)
  await site.durable(3, { source: 'boiler' })
  const cursor = site.cursor()
  const records = await readAll(cursor)
  const [, bad] = records
  assert.ok(bad)
  cursor.rejected(bad, 'packet too large')
  assertBooks(site, 'north', 3)
  assert.equal(cursor.account.totals().rejected, 1)
  cursor.rewind()
  assert.deepEqual(
    (await readAll(cursor)).map(({ seq }) => seq),
    [1, 3, 4],
  )
  await site.durable(0)
  await site.abandon()
  const row = look<string>(site.file, 'SELECT uplink || seq || reason || kind || source || body FROM rejected')
  assert.equal(row, '12packet too large0boiler"n":1')
})

test('one uplink rejecting a record takes nothing from the other', async (t) => {
  const site = await Site.open(t, {
    uplinks: [
      { name: 'north', startAt: 'tail' },
      { name: 'south', startAt: 'tail' },
    ],
  })
  await site.durable(1)
  for (const record of await readAll(site.cursor('north'))) site.cursor('north').rejected(record, 'no')
  await site.durable(0)
  const records = await readAll(site.cursor('south'))
  assert.deepEqual(
    records.map(({ seq }) => seq),
    [1, 2],
  )
  site.cursor('south').delivered(records)
  await site.close()
  assert.equal(look(site.file, 'SELECT count(*) FROM rejected'), 2)
  assert.equal(look(site.file, 'SELECT count(*) FROM record'), 0)
})

test('only the newest ten thousand are kept, and the count stays right', async (t) => {
  const site = await Site.open(t)
  for (let round = 0; round < 3; round += 1) {
    site.outbox.append(site.records(4_000))
    for (const record of await readAll(site.cursor())) site.cursor().rejected(record, 'no')
    await site.durable(0)
  }
  assert.equal(site.cursor().account.totals().rejected, 12_001)
  await site.close()
  assert.equal(look(site.file, 'SELECT count(*) FROM rejected'), 10_000)
  assert.equal(look(site.file, 'SELECT min(seq) FROM rejected'), 2_002)
})
