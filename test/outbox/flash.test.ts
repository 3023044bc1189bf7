import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { look, readAll, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

test('P10: records acknowledged in time are never written, and cause no commit', async (t) => {
  const site = await Site.open(t, { commitIntervalMs: 150 })
  const cursor = site.cursor()
  cursor.delivered(await readAll(cursor))
  await until(() => !cursor.changed, { what: 'the acknowledgement of the first record to be stored' })
  await site.durable(0)
  const { commits } = site.storage
  const written = site.outbox.writtenRecords
  const bytes = statSync(`${site.file}-wal`).size
  const began = site.clock.mono()
  let sent = 0
  await until(
    async () => {
      site.outbox.append(site.records(3))
      const records = await readAll(cursor)
      sent += records.length
      cursor.delivered(records)
      return site.clock.mono() - began > 600
    },
    { what: 'four commit intervals to pass' },
  )
  assert.ok(sent > 30, `only ${sent} sent`)
  assert.equal(site.storage.commits, commits)
  assert.equal(site.outbox.writtenRecords, written)
  assert.equal(statSync(`${site.file}-wal`).size, bytes)
  assert.equal(site.outbox.tailSize, 0)
  await site.close()
  assert.equal(look(site.file, 'SELECT through FROM epoch ORDER BY start DESC LIMIT 1'), sent + 1)
})

test('what one uplink lacks is written once, though the other has it', async (t) => {
  const site = await Site.open(t, {
    commitIntervalMs: 50,
    uplinks: [
      { name: 'north', startAt: 'tail' },
      { name: 'south', startAt: 'tail' },
    ],
  })
  site.outbox.append(site.records(10))
  site.cursor().delivered(await readAll(site.cursor()))
  await until(() => site.outbox.tailSize === 0, { what: 'the commit' })
  assert.equal(site.outbox.writtenRecords, 11)
  assert.equal((await readAll(site.cursor('south'))).length, 11)
})
