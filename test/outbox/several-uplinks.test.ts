import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { assertBooks, look, readAll, Site, temporaryFolder } from '../support/outbox-site.ts'

const north: UplinkIdentity = { name: 'north', startAt: 'tail' }
const south: UplinkIdentity = { name: 'south', startAt: 'tail' }
const both = { uplinks: [north, south] }
const chain = (records: readonly { readonly seq: number; readonly after?: number }[]) =>
  records.map(({ seq, after }) => (after === undefined ? seq : `${seq} after ${after}`))

test('each uplink gets what it wants, in order, with every hole explained', async (t) => {
  const site = await Site.open(t, both)
  for (const to of [undefined, 'south', 'south', 'north', undefined, 'south'] as const) {
    site.outbox.append(site.records(1, to === undefined ? {} : { to }))
  }
  assert.deepEqual(chain(await readAll(site.cursor('north'))), [1, 2, '5 after 2', 6])
  await site.durable(1)
  assert.deepEqual(chain(await readAll(site.cursor('south'))), [1, 2, 3, 4, '6 after 4', 7, 8])
  assert.deepEqual(chain(await readAll(site.cursor('north'))), ['8 after 6'])
  assertBooks(site, 'north', 5)
  assertBooks(site, 'south', 7)
})

test('after is the same from memory, from the table, after a rewind and after a restart', async (t) => {
  const site = await Site.open(t, both)
  site.outbox.append([...site.records(1), ...site.records(3, { to: 'south' }), ...site.records(1)])
  const expected = [1, 2, '6 after 2']
  const first = await readAll(site.cursor())
  assert.deepEqual(chain(first), expected)
  site.cursor().delivered(first.slice(0, 2))
  await site.durable(0)
  site.cursor().rewind()
  assert.deepEqual(chain(await readAll(site.cursor())), ['6 after 2'])
  await site.abandon()
  const next = await Site.open(t, { ...both, folder: dirname(site.file) })
  assert.deepEqual(chain(await readAll(next.cursor())), ['6 after 2', 7])
})

test('a slow uplink holds the rows of a fast one, and they go when it is through', async (t) => {
  const site = await Site.open(t, both)
  await site.durable(50)
  site.cursor('north').delivered(await readAll(site.cursor('north')))
  await site.durable(0)
  const slow = await readAll(site.cursor('south'))
  assert.equal(slow.length, 51)
  site.cursor('south').delivered(slow.slice(0, 20))
  await site.durable(0)
  await site.durable(0)
  site.cursor('south').delivered(slow.slice(20, 21))
  await site.close()
  assert.equal(look(site.file, 'SELECT count(*) FROM record'), 30)
  assert.equal(look(site.file, 'SELECT min(seq) FROM record'), 22)
})

test('an uplink taken out of the configuration keeps its rows; newer ones go without it', async (t) => {
  const folder = temporaryFolder(t)
  const first = await Site.open(t, { ...both, folder })
  await first.durable(10)
  first.cursor('north').delivered(await readAll(first.cursor('north')))
  first.cursor('south').delivered((await readAll(first.cursor('south'))).slice(0, 4))
  await first.close()

  const second = await Site.open(t, { uplinks: [north], folder })
  await second.durable(10)
  second.cursor().delivered(await readAll(second.cursor()))
  await second.durable(0)
  await second.close()
  assert.equal(look(second.file, 'SELECT count(*) FROM record'), 7)
  assert.equal(look(second.file, 'SELECT max(seq) FROM record'), 11)

  const third = await Site.open(t, { ...both, folder })
  const records = await readAll(third.cursor('south'))
  assert.deepEqual(chain(records), [5, 6, 7, 8, 9, 10, 11, '23 after 11'])
  assert.deepEqual(
    records.slice(0, 7).map(({ body }) => body),
    [4, 5, 6, 7, 8, 9, 10].map((n) => `"n":${n}`),
  )
  third.cursor('south').delivered(records)
  assertBooks(third, 'south', 0)
  assert.equal(third.cursor('south').account.totals().skipped, 11)
})

test('the hole of its absence is explained also after another restart and a second absence', async (t) => {
  const folder = temporaryFolder(t)
  const lives = [both, { uplinks: [north] }, both, { uplinks: [north] }, both]
  for (const life of lives.slice(0, 4)) {
    const site = await Site.open(t, { ...life, folder })
    await site.durable(1)
    site.cursor('north').delivered(await readAll(site.cursor('north')))
    await site.abandon()
  }
  const last = await Site.open(t, { ...both, folder })
  assert.deepEqual(chain(await readAll(last.cursor('south'))), [1, 2, '5 after 2', 6, '9 after 6'])
  assertBooks(last, 'south', 5)
})

test('an uplink that begins with the head gets what is stored; its books close when it is through', async (t) => {
  const folder = temporaryFolder(t)
  const first = await Site.open(t, { ...both, folder })
  await first.durable(2)
  // Settled by everybody before a commit: these numbers never become rows.
  first.outbox.append(first.records(3))
  for (const name of ['north', 'south']) {
    const records = await readAll(first.cursor(name))
    first.cursor(name).delivered(records.slice(3))
  }
  await first.durable(2, { to: 'south' })
  await first.durable(1)
  await first.abandon()

  const west: UplinkIdentity = { name: 'west', startAt: 'head' }
  const second = await Site.open(t, { uplinks: [north, south, west], folder })
  const records = await readAll(second.cursor('west'))
  assert.deepEqual(chain(records), [1, 2, 3, '9 after 3', 10])
  second.cursor('west').delivered(records)
  assertBooks(second, 'west', 0)
  assert.equal(second.cursor('west').account.totals().skipped, 5)
})
