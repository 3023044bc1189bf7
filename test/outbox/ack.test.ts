import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

const seqsOf = (records: readonly { readonly seq: number }[]) => records.map(({ seq }) => seq)

for (const from of ['memory', 'the table'] as const) {
  describe(`acknowledging what came from ${from}`, () => {
    async function open(t: Parameters<typeof Site.open>[0]): Promise<Site> {
      const site = await Site.open(t)
      const records = site.records(9)
      if (from === 'memory') site.outbox.append(records)
      else await site.outbox.append(records, { durable: true })
      return site
    }

    test('out of order leaves exactly the others for the next session', async (t) => {
      const site = await open(t)
      const cursor = site.cursor()
      const records = await readAll(cursor)
      for (const seq of [9, 2, 5, 4]) cursor.delivered(records.filter((record) => record.seq === seq))
      assertBooks(site, 'north', 6)
      cursor.rewind()
      const again = await readAll(cursor)
      assert.deepEqual(seqsOf(again), [1, 3, 6, 7, 8, 10])
      // The numbers in between were settled, so each record follows the one before it.
      assert.deepEqual(
        again.map(({ after }) => after),
        Array(6).fill(undefined),
      )
      cursor.delivered(again)
      assertBooks(site, 'north', 0)
      assert.deepEqual(cursor.ranges.toJSON(), [[0, 10]])
    })

    test('twice counts once', async (t) => {
      const site = await open(t)
      const cursor = site.cursor()
      const records = await readAll(cursor)
      cursor.delivered(records)
      cursor.delivered(records)
      const [first] = records
      assert.ok(first)
      cursor.rejected(first, 'too late')
      assert.equal(cursor.account.totals().delivered, 10)
      assert.equal(cursor.account.totals().rejected, 0)
      assertBooks(site, 'north', 0)
    })

    test('an answer of the session before, after the rewind, counts and is not asked for again', async (t) => {
      const site = await open(t)
      const cursor = site.cursor()
      const records = await readAll(cursor)
      cursor.rewind()
      cursor.delivered(records.slice(0, 4))
      assert.deepEqual(seqsOf(await readAll(cursor)), [5, 6, 7, 8, 9, 10])
      assertBooks(site, 'north', 6)
    })

    test('during the commit that stores it is right whichever comes first', async (t) => {
      const site = await open(t)
      const cursor = site.cursor()
      const records = await readAll(cursor)
      const committed = site.durable(1)
      cursor.delivered(records.slice(0, 5))
      await committed
      assertBooks(site, 'north', 6)
      cursor.rewind()
      assert.deepEqual(seqsOf(await readAll(cursor)), [6, 7, 8, 9, 10, 11])
    })
  })
}

test('an acknowledgement during a commit is stored before long, without another append', async (t) => {
  const site = await Site.open(t, {
    commitIntervalMs: 100,
    uplinks: [
      { name: 'north', startAt: 'tail' },
      { name: 'south', startAt: 'tail' },
    ],
  })
  site.cursor().delivered(await readAll(site.cursor()))
  await site.durable(0)
  site.outbox.append(site.records(5))
  const records = await readAll(site.cursor())
  const committed = site.durable(0)
  site.cursor().delivered(records)
  await committed
  await until(() => !site.cursor().changed, { what: 'the cursor to be stored' })
  const folder = site.file.slice(0, site.file.lastIndexOf('/'))
  await site.abandon()
  const next = await Site.open(t, { folder })
  assert.equal(next.cursor().ranges.last, 6)
})

test('late is said of what waited for a session, and of nothing else', async (t) => {
  const site = await Site.open(t)
  const cursor = site.cursor()
  cursor.rewind()
  site.outbox.append(site.records(2))
  const prompt = await readAll(cursor)
  assert.deepEqual(
    prompt.map(({ late }) => late),
    [false, false, false],
  )
  site.outbox.append(site.records(1))
  cursor.rewind()
  site.outbox.append(site.records(1))
  const again = await readAll(cursor)
  assert.deepEqual(
    again.map(({ late }) => late),
    [true, true, true, true, false],
  )
})
