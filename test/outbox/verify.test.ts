/** P4, counted again from the rows: `tidegate outbox verify`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { liveView } from '../../src/outbox/live-view.ts'
import { loadQuestion } from '../../src/outbox/operations.ts'
import { verify } from '../../src/outbox/verify.ts'
import { storedView } from '../../src/outbox/view.ts'
import type { Progress, Verification } from '../../src/outbox-api.ts'
import type { Storage } from '../../src/storage/operation.ts'
import { readAll, Site, type SiteOptions } from '../support/outbox-site.ts'

const both: SiteOptions = {
  uplinks: [
    { name: 'north', startAt: 'head' },
    { name: 'south', startAt: 'head' },
  ],
}

function verifyLive(site: Site, onProgress: Progress = () => {}): Promise<Verification> {
  return verify(site.storage, liveView(site.outbox), { onProgress, hold: () => site.outbox.holdRows() })
}

async function verifyStored(site: Site): Promise<Verification> {
  const now = { boot: 'boot-1', mono: site.clock.mono(), wall: site.clock.wall() }
  return verify(site.storage, storedView(await site.storage.read(loadQuestion()), now), { onProgress: () => {} })
}

function row({ epochs }: Verification, uplink: string) {
  const { issued, delivered, waiting, dropped, rejected, missing } =
    epochs.findLast((one) => one.uplink === uplink) ?? {}
  return { issued, delivered, waiting, dropped, rejected, missing }
}

test('everything adds up: delivered, waiting on disk and in memory, rejected and given up', async (t) => {
  const site = await Site.open(t, both)
  await site.durable(9)
  const [first, second, third] = await readAll(site.cursor('north'))
  assert.ok(first && second && third)
  site.cursor('north').delivered([first, third])
  site.cursor('north').rejected(second, 'no')
  site.outbox.append(site.records(5))
  await site.outbox.operator.dropBefore(3, 'south')
  const result = await verifyLive(site)
  assert.deepEqual(result.ok, true)
  assert.deepEqual(row(result, 'north'), {
    issued: 15,
    delivered: 2,
    waiting: 12,
    dropped: 0,
    rejected: 1,
    missing: 0,
  })
  assert.deepEqual(row(result, 'south'), {
    issued: 15,
    delivered: 0,
    waiting: 13,
    dropped: 2,
    rejected: 0,
    missing: 0,
  })
})

test('it compares one moment, although records come and go while it counts', async (t) => {
  const site = await Site.open(t, both)
  for (let batch = 0; batch < 9; batch += 1) await site.durable(1_000)
  const [north, south] = [site.cursor('north'), site.cursor('south')]
  let slices = 0
  const storage: Pick<Storage, 'read'> = {
    async read(question) {
      slices += 1
      // Before each slice: new records, what both have, and what one gives up. The commits would remove rows.
      site.outbox.append(site.records(50))
      for (const cursor of [north, south]) cursor.delivered(await cursor.next(1_000))
      await site.durable(1)
      await site.outbox.operator.dropBefore(8_000, 'south')
      await site.durable(1)
      return site.storage.read(question)
    },
  }
  const hold = () => site.outbox.holdRows()
  const result = await verify(storage, liveView(site.outbox), { onProgress: () => {}, hold })
  assert.ok(slices >= 3, `${slices} slices are too few to prove anything`)
  assert.deepEqual(row(result, 'north'), {
    issued: 9_001,
    delivered: 0,
    waiting: 9_001,
    dropped: 0,
    rejected: 0,
    missing: 0,
  })
  assert.equal(result.ok, true)
  assert.ok(site.outbox.head() > 9_001)
  const after = await verifyLive(site)
  assert.equal(after.ok, true, JSON.stringify(after.epochs))
  assert.ok((row(after, 'south').delivered ?? 0) > 0 && (row(after, 'south').dropped ?? 0) > 0)
})

test('a limit waits until the rows are counted: it must see that there is room, or it would go on', async (t) => {
  const site = await Site.open(t, { uplinks: [{ name: 'north', startAt: 'head' }] })
  await site.durable(3)
  const release = site.outbox.holdRows()
  const record = { seq: 2, boot: 1, mono: 0, target: 0 }
  let given = false
  const giving = site.outbox.giveUp([record], 'max_size').then(() => {
    given = true
  })
  await site.durable(1)
  assert.deepEqual([given, site.cursor().account.totals().dropped], [false, 0])
  release()
  await giving
  assert.equal(site.cursor().account.totals().dropped, 1)
})

test('rows are removed again when it has ended', async (t) => {
  const site = await Site.open(t, { uplinks: [{ name: 'north', startAt: 'head' }] })
  await site.durable(10)
  await verifyLive(site)
  site.cursor().delivered(await readAll(site.cursor()))
  await site.durable(1)
  await site.durable(1)
  assert.equal((await verifyLive(site)).rows, 2)
})

test('the file that an agent left is verified alike, with the epochs before', async (t) => {
  const site = await Site.open(t, both)
  await site.durable(5)
  site.cursor('north').delivered((await readAll(site.cursor('north'))).slice(0, 3))
  await site.close()
  const again = await Site.open(t, { ...both, folder: site.file.replace('/tidegate.db', '') })
  await again.durable(2)
  const result = await verifyStored(again)
  assert.equal(result.ok, true, JSON.stringify(result.epochs))
  assert.deepEqual(
    result.epochs.map(({ uplink, issued, delivered, waiting }) => ({ uplink, issued, delivered, waiting })),
    [
      { uplink: 'north', issued: 6, delivered: 3, waiting: 3 },
      { uplink: 'north', issued: 3, delivered: 0, waiting: 3 },
      { uplink: 'south', issued: 6, delivered: 0, waiting: 6 },
      { uplink: 'south', issued: 3, delivered: 0, waiting: 3 },
    ],
  )
})

test('a row that vanished, and one that is in no book, are found', async (t) => {
  const site = await Site.open(t, both)
  await site.durable(5)
  await site.close()
  const database = new Database(site.file)
  database.prepare('DELETE FROM record WHERE seq = 3').run()
  database.prepare('UPDATE account SET delivered = delivered + 2 WHERE uplink = 2').run()
  database.close()
  const again = await Site.open(t, { ...both, folder: site.file.replace('/tidegate.db', '') })
  const result = await verifyStored(again)
  assert.equal(result.ok, false)
  const missing = new Map(result.epochs.filter((one) => one.issued === 6).map((one) => [one.uplink, one.missing]))
  assert.deepEqual(
    [...missing],
    [
      ['north', 1],
      ['south', -1],
    ],
  )
})
