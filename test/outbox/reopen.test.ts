import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { turn } from '../support/outbox-clock.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'
import { look, readAll, Site, temporaryFolder } from '../support/outbox-site.ts'

const bodies = (records: readonly { readonly body: string }[]) => records.map(({ body }) => body)

test('a clean stop loses nothing that was appended, and the next epoch says so', async (t) => {
  const site = await Site.open(t)
  site.outbox.append(site.records(5))
  await site.close()
  const next = await Site.open(t, { folder: dirname(site.file) })
  const records = await readAll(next.cursor())
  assert.deepEqual(bodies(records.slice(1, 6)), ['"n":1', '"n":2', '"n":3', '"n":4', '"n":5'])
  assert.deepEqual(JSON.parse(`{${records[6]?.body}}`).previous, {
    epoch: site.outbox.epoch,
    first: 1,
    stored_through: 6,
    clean: true,
  })
  assert.deepEqual(
    records.map(({ late }) => late),
    [true, true, true, true, true, true, false],
  )
})

test('numbers lost with the power are named, and come again only under another epoch', async (t) => {
  const site = await Site.open(t)
  await site.durable(2)
  site.outbox.append(site.records(4))
  const lost = (await readAll(site.cursor())).slice(3)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  const records = await readAll(next.cursor())
  assert.deepEqual(
    records.map(({ seq }) => seq),
    [1, 2, 3, 4],
  )
  assert.equal(JSON.parse(`{${records[3]?.body}}`).previous.stored_through, 3)
  assert.equal(JSON.parse(`{${records[3]?.body}}`).previous.clean, false)
  assert.equal(lost[0]?.seq, 4)
  assert.notEqual(lost[0]?.idPrefix, records[3]?.idPrefix)
})

test('a number that was given up when it was the newest does not come back either', async (t) => {
  const site = await Site.open(t)
  await site.durable(3)
  const rows = [1, 2, 3, 4].map((seq) => ({ seq, boot: 1, mono: 0, target: 0 }))
  assert.equal(await site.outbox.giveUp(rows, 'max_age'), 4)
  await site.abandon()
  assert.equal(look(site.file, 'SELECT count(*) FROM record'), 0)
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.equal(next.outbox.head(), 5 + 1)
  assert.equal((await readAll(next.cursor()))[0]?.seq, 5)
})

test('a commit in the moment of death is there whole or not at all, and the books fit it', async (t) => {
  const folder = temporaryFolder(t)
  const site = await Site.open(t, { folder })
  await site.durable(20)
  site.cursor().delivered((await readAll(site.cursor())).slice(0, 11))
  let ended = false
  const committing = site.durable(5_000).then(() => {
    ended = true
  })
  const seen = new Set<unknown>()
  for (let copies = 0; copies < 40; copies += 1) {
    // A copy of file and log is what a killed process leaves.
    for (const suffix of ['', '-wal'])
      copyFileSync(join(folder, `tidegate.db${suffix}`), join(folder, `cut.db${suffix}`))
    const cut = new Database(join(folder, 'cut.db'))
    seen.add(cut.prepare('SELECT count(*) FROM record WHERE kind = 0').pluck().get())
    assert.deepEqual(brokenBooks(recount(cut)), [])
    cut.close()
    if (ended) break
    await turn()
  }
  await committing
  // The ten that were acknowledged go with the commit that brings the new ones.
  assert.deepEqual(
    [...seen].filter((rows) => rows !== 20),
    [5_010],
  )
})

test('a returning gateway name does not rename the records before it', async (t) => {
  const site = await Site.open(t, { gateway: 'old-name' })
  await site.durable(1)
  await site.close()
  const next = await Site.open(t, { gateway: 'new-name', folder: dirname(site.file) })
  const prefixes = (await readAll(next.cursor())).map(({ idPrefix }) => idPrefix.split('/')[0])
  assert.deepEqual(prefixes, ['old-name', 'old-name', 'new-name'])
})

test('a reading made before the clock was known has its right time after a restart in the same boot', async (t) => {
  const wall = Date.UTC(2026, 10, 21)
  const site = await Site.open(t, { clockKnown: false, wall: 0, mono: 0 })
  await site.outbox.append([{ kind: 'data', source: 'm', body: '"n":1', mono: 5_000 }], { durable: true })
  const [, before] = await readAll(site.cursor())
  assert.deepEqual([before?.ts, before?.clockKnown], [5_000, false])
  site.outbox.boots.observe({ mono: 60_000, wall: wall + 60_000, clockKnown: true })
  site.outbox.storeBoot()
  await site.durable(0)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file), boot: 'boot-2', clockKnown: false, wall: 9 })
  const [, after] = await readAll(next.cursor())
  assert.deepEqual([after?.ts, after?.clockKnown], [wall + 5_000, true])
})
