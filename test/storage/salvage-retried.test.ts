import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import { StorageReadError } from '../../src/storage/failure.ts'
import type { Operation } from '../../src/storage/operation.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { destroyPage } from '../support/damaged-database.ts'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

const RECORDS = 200

/** The folder of an outbox with a backlog whose first page is destroyed. */
async function damaged(t: TestContext): Promise<string> {
  const site = await Site.open(t)
  await site.durable(RECORDS)
  await site.close()
  destroyPage(site.file, 1)
  return dirname(site.file)
}

/** From now on the `nth` read of this name fails as a failing card makes it fail; gives how many came. */
function failRead(t: TestContext, options: { readonly op: string; readonly nth: number }): () => number {
  const read = StorageThread.prototype.read
  let count = 0
  t.mock.method(StorageThread.prototype, 'read', function (this: StorageThread, question: Operation<unknown>) {
    if (question.op === options.op) count += 1
    if (question.op !== options.op || count !== options.nth) return read.call(this, question)
    return Promise.reject(new StorageReadError({ code: 'SQLITE_IOERR_READ', message: 'disk I/O', retriable: true }))
  })
  return () => count
}

async function salvaged(site: Site): Promise<void> {
  await until(() => site.salvage.progress() === undefined, { what: 'the end of the salvage', timeoutMs: 30_000 })
}

describe('P11: a salvage ends only when everything is back', () => {
  // The first of `storage.salvages` is asked before any uplink reads, and stops the start when it fails.
  for (const { op, nth } of [
    { op: 'storage.salvages', nth: 2 },
    { op: 'outbox.last_row', nth: 1 },
    { op: 'outbox.tally', nth: 1 },
  ]) {
    test(`${op} fails once: uplinks that are behind wait on, and miss nothing`, async (t) => {
      const folder = await damaged(t)
      const asked = failRead(t, { op, nth })
      const site = await Site.open(t, { folder })
      const next = Promise.resolve(site.cursor().next(10_000))
      await salvaged(site)
      assert.ok(asked() > nth, `${op} was asked ${asked()} times`)
      const records = [...(await next), ...(await readAll(site.cursor()))]
      assert.equal(records.filter(({ kind }) => kind === 'data').length, RECORDS)
      site.cursor().delivered(records)
      assertBooks(site, 'north', 0)
      assert.equal(site.cursor().account.totals().skipped, 0)
    })
  }

  test('a damaged file that cannot be opened keeps nothing from being stored, and its records are booked as lost', async (t) => {
    const folder = await damaged(t)
    const storage = await StorageThread.open(join(folder, 'tidegate.db'), { clock: systemClock, log: silentLogger })
    await storage.close()
    const name = readdirSync(folder).find((one) => /\.damaged-.*Z$/.test(one)) ?? ''
    rmSync(join(folder, name))
    // To open a socket as a file gives ENXIO, whoever tries.
    const server = createServer().listen(join(folder, name))
    t.after(() => server.close())
    const site = await Site.open(t, { folder })
    await site.durable(1)
    await salvaged(site)
    assert.equal(site.storage.status().problem, undefined)
    // The backlog and the first record of that epoch.
    assert.equal(site.cursor().account.totals().dropped, RECORDS + 1)
  })
})
