import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { readAll, Site, temporaryFolder } from '../support/outbox-site.ts'

const PAGE_BYTES = 4096

/** A database that was in use, closed. */
async function used(t: TestContext): Promise<{ readonly file: string; readonly epoch: string }> {
  const site = await Site.open(t)
  await site.durable(2_000)
  const { epoch } = site.outbox
  await site.close()
  return { file: site.file, epoch }
}

function overwrite(file: string, at: number, length: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(length, 0xa5), 0, length, at)
  closeSync(descriptor)
}

/** Page on which the tree of a table begins. */
function rootOf(file: string, table: string): number {
  const database = new Database(file, { readonly: true })
  const root = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table)
  database.close()
  return Number(root)
}

describe('P11: a damaged database is moved aside, whole, and the agent goes on with new ids', () => {
  const damages: Readonly<Record<string, (file: string) => void>> = {
    'header overwritten': (file) => overwrite(file, 0, 100),
    'first page overwritten': (file) => overwrite(file, 0, PAGE_BYTES),
    'no database at all': (file) => writeFileSync(file, 'readings: lost'.repeat(1_000)),
    'cut in half': (file) => truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE_BYTES) * PAGE_BYTES),
    'oldest page of records overwritten': (file) =>
      overwrite(file, (rootOf(file, 'record') - 1) * PAGE_BYTES, PAGE_BYTES),
    'positions overwritten': (file) => overwrite(file, (rootOf(file, 'uplink') - 1) * PAGE_BYTES, PAGE_BYTES),
    'epochs overwritten': (file) => overwrite(file, (rootOf(file, 'epoch') - 1) * PAGE_BYTES, PAGE_BYTES),
    'books overwritten': (file) => overwrite(file, (rootOf(file, 'account') - 1) * PAGE_BYTES, PAGE_BYTES),
  }
  for (const [name, damage] of Object.entries(damages)) {
    test(name, async (t) => {
      const { file, epoch } = await used(t)
      damage(file)
      const { size } = statSync(file)
      const site = await Site.open(t, { folder: dirname(file) })
      const { setAside, damage: reason } = site.storage.opened
      assert.ok(setAside?.startsWith(`${file}.damaged-`), `${setAside}`)
      assert.ok(reason)
      assert.equal(statSync(String(setAside)).size, size)
      assert.match(site.storage.status().recovered ?? '', /moved to/)
      assert.notEqual(site.outbox.epoch, epoch)
      await site.durable(1)
      const records = await readAll(site.cursor())
      assert.deepEqual(
        records.map(({ seq, idPrefix }) => [seq, idPrefix]),
        [1, 2].map((seq) => [seq, `gw/${site.outbox.epoch}/`]),
      )
    })
  }
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
  const { file } = await used(t)
  const site = await Site.open(t, { folder: dirname(file) })
  assert.equal(site.storage.opened.setAside, undefined)
  assert.equal(site.storage.status().recovered, undefined)
  assert.ok(existsSync(file))
  assert.equal((await readAll(site.cursor())).length, 2_002)
  assert.deepEqual(
    readdirSync(dirname(file)).filter((name) => !name.startsWith(basename(file))),
    [],
  )
})
