/** What is refused while a damaged database is salvaged, because half of the rows would be taken for all. */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import { offlineOutbox } from '../../src/cli/outbox/offline.ts'
import { systemClock } from '../../src/clock.ts'
import { openDesk } from '../../src/desk.ts'
import { silentLogger } from '../../src/log.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { Salvage } from '../../src/outbox/salvage.ts'
import type { OutboxSettings } from '../../src/settings.ts'
import { destroyPage } from '../support/damaged-database.ts'
import { atEnd } from '../support/field-ending.ts'
import { readAll, Site } from '../support/outbox-site.ts'
import { openThread } from '../support/storage-thread.ts'
import { until } from '../support/until.ts'

const uplinks = [
  { name: 'north', startAt: 'head' },
  { name: 'old', startAt: 'head' },
] as const

/** 60 records, of which `north` had one refused; then the header is destroyed. Gives the file. */
async function damaged(t: TestContext): Promise<string> {
  const site = await Site.open(t, { uplinks })
  await site.durable(60)
  const [first, second] = await readAll(site.cursor())
  assert.ok(first && second)
  site.cursor().rejected(first, 'no')
  site.cursor().rejected(second, 'no')
  await site.close()
  destroyPage(site.file, 1)
  return site.file
}

/** An outbox on the new database; the salvage does not go on before it is started. */
async function duringSalvage(t: TestContext) {
  const file = await damaged(t)
  const storage = await openThread(t, file)
  const clock = systemClock
  const log = silentLogger
  const start = { gateway: 'gw', boot: 'boot-1', mono: clock.mono(), wall: clock.wall(), clockKnown: true }
  const outbox = await Outbox.open({
    storage,
    clock,
    log,
    commitIntervalMs: 60_000,
    keepsDelivered: true,
    start: { ...start, uplinks: uplinks.slice(0, 1) },
  })
  const salvage = new Salvage(outbox, { storage, clock, log, freeBytes: () => undefined })
  await salvage.open()
  atEnd(t, async () => {
    salvage.stop()
    await outbox.close()
  })
  await outbox.begun
  const settings = {} as OutboxSettings
  const desk = openDesk({ stateDir: dirname(file), settings, clock, storage, outbox, uplinks: [] })
  atEnd(t, () => desk.close())
  return {
    desk,
    verify: () => desk.verify(() => {}),
    count: () => desk.count({ before: '31' }),
    async end() {
      salvage.start()
      await until(() => salvage.progress() === undefined, { what: 'the end of the salvage', timeoutMs: 30_000 })
    },
  }
}

const isRefusal = (what: string) => ({
  code: 'conflict',
  message: new RegExp(`^cannot ${what}: a salvage is going on \\(\\d+ of \\d+ pages\\)$`),
  hint: /ask again later/,
})

test('verify, drop, its count and replay are refused during a salvage, and answered after it', async (t) => {
  const { desk, verify, count, end } = await duringSalvage(t)
  await assert.rejects(verify(), isRefusal('verify the books'))
  await assert.rejects(count(), isRefusal('count records'))
  await assert.rejects(desk.drop({ before: '31' }), isRefusal('give up records'))
  await assert.rejects(desk.drop({ before: '31', uplink: 'north' }), isRefusal('give up records'))
  await assert.rejects(desk.replay('north', { since: '1', until: '2' }), isRefusal('send records once more'))
  await end()
  const { ok, epochs } = await verify()
  assert.equal(ok, true, JSON.stringify(epochs))
  const { records } = await count()
  assert.ok(records >= 28, `${records} records`)
  assert.deepEqual(await desk.drop({ before: '31' }), { records })
  assert.equal((await verify()).ok, true)
})

test('retry, discard and forget need no rows of the table: they work during a salvage', async (t) => {
  const { desk, verify, end } = await duringSalvage(t)
  assert.deepEqual(await desk.retry('north', [1]), { records: 1 })
  assert.deepEqual(await desk.discard('north', 'all'), { records: 2 })
  assert.ok((await desk.forget('old')).records > 0)
  await end()
  const { ok, epochs } = await verify()
  assert.equal(ok, true, JSON.stringify(epochs))
  assert.deepEqual(
    epochs.filter(({ uplink }) => uplink === 'old'),
    [],
  )
})

test('a salvage that an agent left unfinished is no fault of the books', async (t) => {
  const file = await damaged(t)
  const storage = await openThread(t, file)
  const start = { gateway: 'gw', boot: 'boot-1', mono: 1, wall: 1, clockKnown: true, uplinks }
  const clock = systemClock
  const outbox = await Outbox.open({
    storage,
    clock,
    log: silentLogger,
    commitIntervalMs: 60_000,
    keepsDelivered: false,
    start,
  })
  await outbox.begun
  await outbox.close()
  await storage.close()
  const { reader, close } = await offlineOutbox(dirname(file))
  t.after(close)
  await assert.rejects(
    reader.verify(() => {}),
    isRefusal('verify the books'),
  )
})
