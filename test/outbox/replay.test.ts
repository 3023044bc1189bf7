import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { StoredRecord } from '../../src/model.ts'
import { assertBooks, readAll, Site, type SiteOptions } from '../support/outbox-site.ts'

const NORTH_SOUTH = ['north', 'south'].map((name) => ({ name, startAt: 'tail' as const }))

const seqsOf = (records: readonly StoredRecord[]) => records.map(({ seq }) => seq)

/** Ten rows (the first record of the epoch and nine readings) that the uplink has acknowledged and that are kept. */
async function kept(t: TestContext, options: SiteOptions = {}): Promise<Site> {
  const site = await Site.open(t, { keepsDelivered: true, ...options })
  await site.durable(9)
  site.cursor().delivered(await readAll(site.cursor()))
  await site.durable(0)
  return site
}

test('kept records are sent again, marked, with their ids and bodies, and counted separately', async (t) => {
  const site = await Site.open(t, { keepsDelivered: true })
  const cursor = site.cursor()
  await site.durable(9)
  const before = await readAll(cursor)
  cursor.delivered(before)
  assert.deepEqual(await site.outbox.operator.replay('north', { from: 4, through: 6 }), { records: 3 })
  const again = await readAll(cursor)
  assert.deepEqual(seqsOf(again), [4, 5, 6])
  for (const record of again) {
    const first = before.find(({ seq }) => seq === record.seq)
    assert.deepEqual([record.idPrefix, record.body, record.ts], [first?.idPrefix, first?.body, first?.ts])
    assert.equal(record.late, true)
  }
  cursor.delivered(again)
  const { delivered, replayed } = cursor.account.totals()
  assert.deepEqual({ delivered, replayed }, { delivered: 10, replayed: 3 })
  assertBooks(site, 'north', 0)
  assert.deepEqual(await readAll(cursor), [])
})

test('what was never sent goes first, and a replay of it is nothing', async (t) => {
  const site = await kept(t)
  const cursor = site.cursor()
  await site.durable(5)
  assert.deepEqual(await site.outbox.operator.replay('north', { from: 9, through: 15 }), { records: 2 })
  const records = await readAll(cursor)
  assert.deepEqual(seqsOf(records), [11, 12, 13, 14, 15, 9, 10])
  assert.deepEqual(
    records.map(({ again }) => again !== undefined),
    [false, false, false, false, false, true, true],
  )
  cursor.delivered(records)
  assertBooks(site, 'north', 0)
})

test('without an answer a replayed record comes again with the next session; answered twice it counts once', async (t) => {
  const site = await kept(t)
  const cursor = site.cursor()
  await site.outbox.operator.replay('north', { from: 1, through: 10 })
  const records = await readAll(cursor)
  cursor.delivered(records.filter(({ seq }) => seq === 3 || seq === 7))
  cursor.rewind()
  assert.deepEqual(seqsOf(await readAll(cursor)), [1, 2, 4, 5, 6, 8, 9, 10])
  cursor.delivered(records)
  cursor.delivered(records)
  assert.equal(cursor.account.totals().replayed, 10)
  cursor.rewind()
  assert.deepEqual(await readAll(cursor), [])
})

test('a replay goes on after a restart with what was not acknowledged', async (t) => {
  const site = await kept(t)
  await site.outbox.operator.replay('north', { from: 2, through: 9 })
  site.cursor().delivered((await readAll(site.cursor())).slice(0, 5))
  await site.durable(0)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file), keepsDelivered: true })
  const records = await readAll(next.cursor())
  assert.deepEqual(seqsOf(records.filter(({ again }) => again === 'replay')), [7, 8, 9])
  next.cursor().delivered(records)
  assert.equal(next.cursor().account.totals().replayed, 8)
  assertBooks(next, 'north', 0)
})

test('two replays that overlap send each record once', async (t) => {
  const site = await kept(t)
  await site.outbox.operator.replay('north', { from: 6, through: 9 })
  await site.outbox.operator.replay('north', { from: 2, through: 7 })
  assert.deepEqual(seqsOf(await readAll(site.cursor())), [2, 3, 4, 5, 6, 7, 8, 9])
})

test('one uplink has a replay, the other does not notice', async (t) => {
  const site = await Site.open(t, { keepsDelivered: true, uplinks: NORTH_SOUTH })
  await site.durable(4)
  for (const name of ['north', 'south']) site.cursor(name).delivered(await readAll(site.cursor(name)))
  await site.outbox.operator.replay('south', { from: 1, through: 5 })
  assert.deepEqual(await readAll(site.cursor('north')), [])
  assert.equal((await readAll(site.cursor('south'))).length, 5)
})

test('rows wait for the replay that needs them, though nothing is kept any more', async (t) => {
  const site = await kept(t)
  const cursor = site.cursor()
  await site.outbox.operator.replay('north', { from: 4, through: 8 })
  site.outbox.releaseKept(10)
  await site.durable(0)
  await site.durable(0)
  const records = await readAll(cursor)
  assert.deepEqual(seqsOf(records), [4, 5, 6, 7, 8])
  cursor.delivered(records)
  await site.durable(0)
  await site.durable(0)
  assert.equal(site.outbox.storedRange.first, 0)
})

test('rows that a limit took meanwhile are left out, and the replay ends', async (t) => {
  const site = await kept(t)
  await site.outbox.operator.replay('north', { from: 1, through: 10 })
  const gone = [3, 4].map((seq) => ({ seq, boot: 1, mono: 0, target: 0 }))
  await site.outbox.giveUp(gone, 'max_size')
  const records = await readAll(site.cursor())
  assert.deepEqual(seqsOf(records), [1, 2, 5, 6, 7, 8, 9, 10])
  site.cursor().delivered(records)
  assert.equal(site.cursor().replay.first, Number.POSITIVE_INFINITY)
  assert.equal(site.cursor().account.totals().dropped, 0)
})

test('a replayed record that the cloud rejects is not counted again, and the replay ends', async (t) => {
  const site = await kept(t)
  await site.outbox.operator.replay('north', { from: 5, through: 5 })
  const [record] = await readAll(site.cursor())
  assert.ok(record)
  site.cursor().rejected(record, 'too old')
  const { delivered, rejected, replayed } = site.cursor().account.totals()
  assert.deepEqual({ delivered, rejected, replayed }, { delivered: 10, rejected: 0, replayed: 0 })
  assert.equal(site.cursor().replay.first, Number.POSITIVE_INFINITY)
})

test('nothing is stored: a replay is nothing', async (t) => {
  const site = await Site.open(t)
  assert.deepEqual(await site.outbox.operator.replay('north', { from: 1, through: 100 }), { records: 0 })
})

test('a replay of more than a page is sent whole, in pages', async (t) => {
  const site = await Site.open(t, { keepsDelivered: true })
  await site.durable(2_500)
  site.cursor().delivered(await readAll(site.cursor()))
  await site.outbox.operator.replay('north', { from: 1, through: 2_501 })
  const records = await readAll(site.cursor())
  assert.deepEqual(
    seqsOf(records),
    Array.from({ length: 2_501 }, (_, index) => index + 1),
  )
})

test('a replay that is asked for while another is being read is sent, too', async (t) => {
  const site = await kept(t)
  const cursor = site.cursor()
  await site.outbox.operator.replay('north', { from: 7, through: 9 })
  const reading = cursor.next(10)
  await site.outbox.operator.replay('north', { from: 1, through: 3 })
  const records = [...(await reading), ...(await readAll(cursor))]
  assert.deepEqual(new Set(seqsOf(records)), new Set([1, 2, 3, 7, 8, 9]))
  cursor.delivered(records)
  assert.equal(cursor.replay.first, Number.POSITIVE_INFINITY)
})
