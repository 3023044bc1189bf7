import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'

test('what is spent is settled on disk when it may be sent, with one commit for all of it', async (t) => {
  const site = await Site.open(t)
  await site.durable(9)
  const records = await readAll(site.cursor())
  const { commits } = site.storage
  await site.cursor().spend(records.slice(0, 6))
  assert.equal(site.storage.commits, commits + 1)
  assertBooks(site, 'north', 4)
  // A kill at this moment: nothing of it is ever handed out again.
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.deepEqual(
    (await readAll(next.cursor())).map(({ seq }) => seq),
    [7, 8, 9, 10, 11],
  )
})

test('what is spent from memory is durable as well, though no row is written', async (t) => {
  const site = await Site.open(t)
  site.cursor().delivered(await readAll(site.cursor()))
  await site.durable(0)
  const written = site.outbox.writtenRecords
  site.outbox.append(site.records(5))
  const records = await readAll(site.cursor())
  await site.cursor().spend(records)
  assert.equal(site.outbox.writtenRecords, written)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.deepEqual(
    (await readAll(next.cursor())).map(({ seq }) => seq),
    [7],
  )
})

test('an answer to what was spent counts nothing twice, and a new session does not bring it back', async (t) => {
  const site = await Site.open(t)
  site.outbox.append(site.records(3))
  const records = await readAll(site.cursor())
  await site.cursor().spend(records)
  site.cursor().delivered(records)
  site.cursor().rejected(records[0] ?? assert.fail(), 'too late')
  site.cursor().rewind()
  assert.deepEqual(await readAll(site.cursor()), [])
  assert.deepEqual(
    { ...site.cursor().account.totals(), replayed: 0 },
    {
      delivered: 4,
      dropped: 0,
      rejected: 0,
      notWanted: 0,
      skipped: 0,
      replayed: 0,
    },
  )
})

test('nothing to spend costs no commit', async (t) => {
  const site = await Site.open(t)
  const { commits } = site.storage
  await site.cursor().spend([])
  assert.equal(site.storage.commits, commits)
})

test('two that are spent while a commit is under way share the next one', async (t) => {
  const site = await Site.open(t)
  site.outbox.append(site.records(6))
  const records = await readAll(site.cursor())
  const { commits } = site.storage
  await Promise.all([0, 2, 4].map((at) => site.cursor().spend(records.slice(at, at + 2))))
  assert.ok(site.storage.commits <= commits + 2, `${site.storage.commits - commits} commits`)
})
