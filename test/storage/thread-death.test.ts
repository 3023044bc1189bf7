import assert from 'node:assert/strict'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'
import { look, readAll, Site, threads } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

async function kill(): Promise<void> {
  await threads.at(-1)?.terminate()
}

test('what was given to transact before the death of the thread is done after it, once', async (t) => {
  const site = await Site.open(t)
  const done = [site.durable(500), site.durable(500), site.durable(500)]
  void kill()
  await Promise.all(done)
  const records = await readAll(site.cursor())
  assert.deepEqual(
    records.map(({ seq }) => seq),
    Array.from({ length: 1_501 }, (_, index) => index + 1),
  )
  await site.close()
  assert.equal(look(site.file, 'SELECT count(*) FROM record WHERE kind = 0'), 1_500)
})

test('a dozen deaths at any moment of commits, reads and acknowledgements leave the books right', async (t) => {
  const site = await Site.open(t, { commitIntervalMs: 20 })
  const cursor = site.cursor()
  let delivered = 0
  let deaths = 0
  const take = async () => {
    const records = await cursor.next(200)
    delivered += records.length
    cursor.delivered(records)
  }
  while (deaths < 12) {
    const before = threads.length
    const work = [site.durable(300), take()]
    for (let turns = 0; turns < deaths; turns += 1) await new Promise((resolve) => setImmediate(resolve))
    await kill()
    deaths += 1
    await Promise.all(work)
    await until(() => threads.length > before, { what: 'a new thread' })
  }
  for (let records = await readAll(cursor); records.length > 0; records = await readAll(cursor)) {
    delivered += records.length
    cursor.delivered(records)
  }
  assert.equal(delivered, 1 + 12 * 300)
  await site.close()
  const file = new Database(site.file)
  assert.deepEqual(brokenBooks(recount(file)), [])
  assert.equal(file.prepare('SELECT count(*) FROM record').pluck().get(), 0)
  file.close()
})

test('the status says that the thread died until a new one has committed, also when nothing is waiting', async (t) => {
  const site = await Site.open(t)
  assert.equal(site.storage.status().state, 'ok')
  await kill()
  await until(() => site.storage.status().problem?.code === 'thread_died', { what: 'the death to be noted' })
  await until(() => site.storage.status().state === 'ok', { what: 'the new thread to commit' })
})

test('closing while no thread is alive leaves nothing behind', async (t) => {
  const site = await Site.open(t)
  await kill()
  const before = threads.length
  await site.abandon()
  // The pause before a new thread would be 200 ms at first.
  await systemClock.wait(400)
  assert.equal(threads.length, before, 'a thread was started after the end')
})

test('after the close nothing is taken that would be lost', async (t) => {
  const site = await Site.open(t)
  await site.close()
  await assert.rejects(site.storage.transact([]), /storage is closed/)
})

test('a job that is wrong in itself fails alone, and the jobs beside it are done', async (t) => {
  const site = await Site.open(t)
  const good = site.durable(1)
  const bad = site.storage.transact([{ op: 'outbox.nonsense', args: {} }])
  const after = site.durable(1)
  await assert.rejects(bad, /outbox\.nonsense/)
  await Promise.all([good, after])
  assert.equal(site.storage.status().state, 'ok')
  await assert.rejects(site.storage.read({ op: 'outbox.nonsense', args: {} }), /no operation/)
})
