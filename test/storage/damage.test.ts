import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { StoredRecord } from '../../src/model.ts'
import { PAGE_BYTES } from '../../src/storage/database.ts'
import { readAll, Site, temporaryFolder } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

const RECORDS = 2_000

interface Used {
  readonly file: string
  readonly epoch: string
  /** The first reading that was not delivered. */
  readonly next: number
}

/** A database that was in use, closed; the first records were delivered. */
async function used(t: TestContext): Promise<Used> {
  const site = await Site.open(t)
  await site.durable(RECORDS)
  const { epoch } = site.outbox
  const first = await site.cursor().next(500)
  site.cursor().delivered(first)
  await site.close()
  return { file: site.file, epoch, next: readings(first).length + 1 }
}

function overwrite(file: string, at: number, length: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(length, 0xa5), 0, length, at)
  closeSync(descriptor)
}

/** Pages of one table, as SQLite counts them, before anything is destroyed. */
function pagesOf(file: string, table: string, kind: 'internal' | 'leaf' = 'leaf'): number[] {
  const database = new Database(file, { readonly: true })
  const sql = 'SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path'
  const pages = database.prepare(sql).pluck().all(table, kind) as number[]
  database.close()
  return pages
}

function destroy(file: string, pages: readonly number[]): void {
  for (const page of pages) overwrite(file, (page - 1) * PAGE_BYTES, PAGE_BYTES)
}

/** The agent after the damage, when the salvage has ended. */
async function salvaged(t: TestContext, file: string): Promise<{ site: Site; records: StoredRecord[] }> {
  const site = await Site.open(t, { folder: dirname(file) })
  await until(() => site.salvage.progress() === undefined, { what: 'the end of the salvage' })
  return { site, records: await readAll(site.cursor()) }
}

interface Told {
  readonly event: string
  readonly reason: string
  readonly salvaged: number
  readonly lost: number
  readonly count: number
}

function told(records: readonly StoredRecord[], event: string): Told | undefined {
  const bodies = records.map(({ body }) => JSON.parse(`{${body}}`) as Told)
  return bodies.find((body) => body.event === event)
}

function readings(records: readonly StoredRecord[]): number[] {
  return records.flatMap(({ kind, body }) => (kind === 'data' ? [JSON.parse(`{${body}}`).n as number] : []))
}

describe('P11: a damaged database is set aside, whole, and what is readable is brought back', () => {
  // What of the 1,500 readings that wait is lost, at most; and whether the positions survive.
  const cases: Readonly<Record<string, { damage: (file: string) => void; lostMax: number; positions?: false }>> = {
    'header overwritten': { damage: (file) => overwrite(file, 0, 100), lostMax: 0 },
    'first page overwritten': { damage: (file) => destroy(file, [1]), lostMax: 0 },
    'first page and root of the records overwritten': {
      damage: (file) => destroy(file, [1, ...pagesOf(file, 'record', 'internal')]),
      lostMax: 0,
    },
    'all inner pages of the records overwritten': {
      damage: (file) => destroy(file, pagesOf(file, 'record', 'internal')),
      lostMax: 0,
    },
    'one page of records overwritten': {
      damage: (file) => destroy(file, pagesOf(file, 'record').slice(0, 1)),
      lostMax: 40,
    },
    'last page of records overwritten': {
      damage: (file) => destroy(file, pagesOf(file, 'record').slice(-1)),
      lostMax: 40,
    },
    'cut in half': {
      damage: (file) => truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE_BYTES) * PAGE_BYTES),
      lostMax: 1_600,
    },
    'books overwritten': { damage: (file) => destroy(file, pagesOf(file, 'account')), lostMax: 0 },
    'epochs overwritten': { damage: (file) => destroy(file, pagesOf(file, 'epoch')), lostMax: 0 },
    'positions overwritten': { damage: (file) => destroy(file, pagesOf(file, 'uplink')), lostMax: 0, positions: false },
  }
  for (const [name, { damage, lostMax, positions = true }] of Object.entries(cases)) {
    test(name, async (t) => {
      const { file, epoch, next } = await used(t)
      damage(file)
      const { size } = statSync(file)
      const { site, records } = await salvaged(t, file)
      const { setAside, damage: reason } = site.storage.opened
      assert.ok(setAside?.startsWith(`${file}.damaged-`), `${setAside}`)
      assert.ok(reason)
      assert.equal(statSync(String(setAside)).size, size, 'the evidence is not touched')
      assert.match(site.storage.status().recovered ?? '', /moved to/)
      assert.notEqual(site.outbox.epoch, epoch)

      const found = readings(records)
      assert.deepEqual(
        found,
        [...new Set(found)].sort((a, b) => a - b),
        'in order, each once',
      )
      const waiting = found.filter((n) => n >= next)
      const lost = RECORDS - next + 1 - waiting.length
      assert.ok(lost <= lostMax, `${lost} are lost`)
      if (positions) assert.equal(found.length, waiting.length, 'what was delivered does not come again')
      const report = told(records, 'database_salvaged')
      assert.equal(report?.reason, reason)
      assert.equal(report?.lost, positions ? lost : 0)
      site.cursor().delivered(records)
      assert.equal(site.cursor().account.issued(site.outbox.head()), site.cursor().account.settled, 'the books balance')
      assert.equal(site.cursor().account.totals().dropped, positions ? lost : 0)
    })
  }

  test('what was given up before is not taken for lost, though the epochs are gone', async (t) => {
    const before = await Site.open(t)
    await before.durable(300)
    await before.outbox.operator.dropBefore(201)
    await before.close()
    overwrite(before.file, 0, 4096)
    const { site, records } = await salvaged(t, before.file)
    assert.equal(readings(records).length, 101)
    assert.equal(told(records, 'database_salvaged')?.lost, 0)
    assert.equal(site.cursor().account.totals().dropped, 200)
    site.cursor().delivered(records)
    assert.equal(site.cursor().account.issued(site.outbox.head()), site.cursor().account.settled, 'the books balance')
  })

  test('nothing of ours in it: a new database is begun', async (t) => {
    const { file } = await used(t)
    writeFileSync(file, 'readings: lost'.repeat(1_000))
    const { site, records } = await salvaged(t, file)
    assert.deepEqual(readings(records), [])
    assert.equal(told(records, 'database_salvaged')?.salvaged, 0)
    await site.durable(1)
    assert.equal(readings(await readAll(site.cursor())).length, 1)
  })

  test('ids stay what they were, and new ones lie above them', async (t) => {
    const { file, epoch, next } = await used(t)
    destroy(file, [1, ...pagesOf(file, 'record', 'internal')])
    const { records } = await salvaged(t, file)
    const old = records.filter(({ idPrefix }) => idPrefix === `gw/${epoch}/`)
    assert.equal(readings(old).length, RECORDS - next + 1)
    const lastOld = Math.max(...old.map(({ seq }) => seq))
    for (const { seq, idPrefix } of records)
      assert.ok(idPrefix === `gw/${epoch}/` || seq > lastOld, `${idPrefix}${seq}`)
  })

  test('without readable epochs no id returns', async (t) => {
    const { file, epoch, next } = await used(t)
    destroy(file, pagesOf(file, 'epoch'))
    const { records } = await salvaged(t, file)
    assert.equal(readings(records).length, RECORDS - next + 1)
    assert.deepEqual(
      records.filter(({ idPrefix }) => idPrefix.includes(epoch)),
      [],
    )
    assert.ok(records.every(({ idPrefix }) => idPrefix.startsWith('gw/')))
  })

  test('a salvage that was interrupted goes on at the next start', async (t) => {
    const { file, next } = await used(t)
    destroy(file, [1])
    const first = await Site.open(t, { folder: dirname(file) })
    assert.ok(first.salvage.progress())
    await first.abandon()
    const { records } = await salvaged(t, file)
    assert.equal(readings(records).length, RECORDS - next + 1)
  })
})

test('an empty file is not damage', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'tidegate.db'), '')
  const site = await Site.open(t, { folder })
  assert.equal(site.storage.opened.setAside, undefined)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('damaged')),
    [],
  )
})

test('a healthy database is left alone', async (t) => {
  const { file, next } = await used(t)
  const site = await Site.open(t, { folder: dirname(file) })
  assert.equal(site.storage.opened.setAside, undefined)
  assert.equal(site.storage.status().recovered, undefined)
  assert.equal(site.salvage.progress(), undefined)
  assert.ok(existsSync(file))
  assert.equal(readings(await readAll(site.cursor())).length, RECORDS - next + 1)
  assert.deepEqual(
    readdirSync(dirname(file)).filter((name) => !name.startsWith(basename(file))),
    [],
  )
})
