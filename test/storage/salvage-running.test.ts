import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { StoredRecord } from '../../src/model.ts'
import { IntegrityWalk } from '../../src/outbox/walk.ts'
import { destroyPage } from '../support/damaged-database.ts'
import { readAll, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

/** Far more than the thread keeps in its cache, so that the pages are read from the file. */
const RECORDS = 6_000
const NOTE = 'x'.repeat(1_000)

/** An outbox with a large backlog, and the leaves of it, oldest first. */
async function busy(t: TestContext): Promise<{ site: Site; leaves: number[]; positions: number; epoch: string }> {
  const first = await Site.open(t)
  await first.durable(RECORDS, { body: `"note":"${NOTE}"` })
  const { epoch } = first.outbox
  await first.close()
  const database = new Database(first.file, { readonly: true })
  const sql = "SELECT pageno FROM dbstat WHERE name = 'record' AND pagetype = 'leaf' ORDER BY path"
  const leaves = database.prepare(sql).pluck().all() as number[]
  const root = "SELECT rootpage FROM sqlite_schema WHERE name = 'uplink'"
  const positions = database.prepare(root).pluck().get() as number
  database.close()
  return { site: await Site.open(t, { folder: dirname(first.file) }), leaves, positions, epoch }
}

function event(records: readonly StoredRecord[], name: string): { lost: number; salvaged: number; count: number } {
  const bodies = records.map(({ body }) => JSON.parse(`{${body}}`))
  const found = bodies.find((body) => body.event === name)
  assert.ok(found, `no event ${name}`)
  return found
}

async function afterwards(site: Site): Promise<StoredRecord[]> {
  await until(() => site.storage.status().recovered, { what: 'the damage to be found' })
  await until(() => site.salvage.progress() === undefined, { what: 'the end of the salvage', timeoutMs: 30_000 })
  return readAll(site.cursor())
}

/** Nothing is lost but what lay on the destroyed page, ids stay, and the books balance. */
function assertWhole(site: Site, records: readonly StoredRecord[], epoch: string): void {
  const { lost } = event(records, 'database_salvaged')
  const old = records.filter(({ kind, idPrefix }) => kind === 'data' && idPrefix === `gw/${epoch}/`)
  assert.ok(lost > 0 && lost < 20, `${lost} lost`)
  assert.equal(old.length, RECORDS - lost)
  site.cursor().delivered(records)
  const { account } = site.cursor()
  assert.equal(account.issued(site.outbox.head()), account.settled)
  assert.equal(account.totals().dropped, lost)
}

describe('P11: damage that is found while running is set aside without a restart', () => {
  test('by an uplink that reads', async (t) => {
    const { site, leaves, epoch } = await busy(t)
    destroyPage(site.file, leaves[Math.floor(leaves.length / 2)] ?? 0)
    const seen = await until(
      async () => {
        const records = await site.cursor().next(1_000)
        site.cursor().delivered(records)
        return site.storage.status().recovered ? site.cursor().account.totals().delivered : 0
      },
      { what: 'the uplink to come to the damaged page' },
    )
    await site.durable(10)
    const records = await afterwards(site)
    const { lost } = event(records, 'database_salvaged')
    const all = records.filter(({ idPrefix }) => idPrefix === `gw/${epoch}/`).length
    assert.ok(seen > 0 && lost > 0 && lost < 20, `${seen} seen, ${lost} lost`)
    site.cursor().delivered(records)
    const { account } = site.cursor()
    assert.equal(account.issued(site.outbox.head()), account.settled)
    assert.equal(account.totals().dropped, lost)
    assert.ok(all > 0)
  })

  test('by the integrity walk', async (t) => {
    const { site, leaves, epoch } = await busy(t)
    destroyPage(site.file, leaves[Math.floor(leaves.length / 2)] ?? 0)
    const walk = new IntegrityWalk({ storage: site.storage, clock: site.clock, firstMs: 0 })
    walk.start()
    t.after(() => walk.stop())
    assertWhole(site, await afterwards(site), epoch)
  })

  test('with the page of the positions destroyed, too: memory knows them, and what is missing is told as dropped', async (t) => {
    const { site, leaves, positions, epoch } = await busy(t)
    destroyPage(site.file, leaves[Math.floor(leaves.length / 2)] ?? 0)
    destroyPage(site.file, positions)
    const walk = new IntegrityWalk({ storage: site.storage, clock: site.clock, firstMs: 0 })
    walk.start()
    t.after(() => walk.stop())
    assertWhole(site, await afterwards(site), epoch)
  })

  test('the numbers that were kept free do not keep rows from being removed', async (t) => {
    const first = await Site.open(t)
    await first.durable(2_000, { body: `"note":"${NOTE}"` })
    await first.abandon()
    const database = new Database(first.file, { readonly: true })
    const sql = "SELECT pageno FROM dbstat WHERE name = 'record' AND pagetype = 'leaf' ORDER BY path DESC LIMIT 1"
    const newest = database.prepare(sql).pluck().get() as number
    database.close()
    for (const page of [newest, 1]) destroyPage(first.file, page)
    const site = await Site.open(t, { folder: dirname(first.file) })
    await until(() => site.salvage.progress() === undefined, { what: 'the end of the salvage', timeoutMs: 30_000 })
    assert.ok(site.outbox.head() > 1_000_000, 'nobody can tell the newest number')
    const before = site.storage.commits
    await until(
      async () => {
        await site.durable(1)
        const records = await site.cursor().next(1_000)
        site.cursor().delivered(records)
        return site.outbox.storedRange.first === 0 || site.outbox.storedRange.first > 1_000_000
      },
      { what: 'the rows behind the gap to be removed' },
    )
    assert.ok(site.storage.commits - before < 90, `${site.storage.commits - before} commits`)
  })

  test('what memory knows is in the new database, and the next start goes on with it', async (t) => {
    const { site, leaves, epoch } = await busy(t)
    destroyPage(site.file, leaves[Math.floor(leaves.length / 2)] ?? 0)
    const walk = new IntegrityWalk({ storage: site.storage, clock: site.clock, firstMs: 0 })
    walk.start()
    t.after(() => walk.stop())
    await until(() => site.storage.status().recovered, { what: 'the damage to be found' })
    await site.durable(1)
    const running = site.outbox.epoch
    walk.stop()
    await site.abandon()
    const next = await Site.open(t, { folder: dirname(site.file) })
    const tags = next.outbox.epochs.all.map(({ tag }) => tag)
    assert.ok(tags.includes(epoch) && tags.includes(running), tags.join(' '))
    await until(() => next.salvage.progress() === undefined, { what: 'the end of the salvage', timeoutMs: 30_000 })
    assertWhole(next, await readAll(next.cursor()), epoch)
    assert.ok(existsSync(next.file))
  })
})
