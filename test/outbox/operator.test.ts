import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import type { StoredRecord } from '../../src/model.ts'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

const NORTH_SOUTH = ['north', 'south'].map((name) => ({ name, startAt: 'tail' as const }))

const seqsOf = (records: readonly StoredRecord[]) => records.map(({ seq }) => seq)

const hasCode = (code: string) => (error: unknown) => error instanceof GatewayError && error.code === code

test('a paused uplink is handed nothing, keeps everything, and what is in flight is settled', async (t) => {
  const site = await Site.open(t)
  const cursor = site.cursor()
  await site.durable(4)
  const [first, ...others] = await cursor.next(2)
  assert.ok(first && others[0])
  await site.outbox.operator.pause('north')
  site.outbox.append(site.records(3))
  assert.deepEqual(await readAll(cursor), [])
  cursor.delivered([first])
  assertBooks(site, 'north', 7)
  let woken = 0
  cursor.onAppend = () => {
    woken += 1
  }
  await site.outbox.operator.resume('north')
  assert.equal(woken, 1)
  const rest = await readAll(cursor)
  assert.deepEqual(seqsOf(rest), [3, 4, 5, 6, 7, 8])
  cursor.delivered([...others, ...rest])
  assertBooks(site, 'north', 0)
})

test('a pause outlives a restart', async (t) => {
  const site = await Site.open(t)
  await site.outbox.operator.pause('north')
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.equal(next.cursor().paused, true)
  assert.deepEqual(await readAll(next.cursor()), [])
  await next.outbox.operator.resume('north')
  assert.deepEqual(seqsOf(await readAll(next.cursor())), [1, 2])
})

test('P12: an uplink taken out of the configuration keeps its backlog until it is forgotten by hand', async (t) => {
  const site = await Site.open(t, { uplinks: NORTH_SOUTH })
  await site.durable(9)
  site.cursor('north').delivered(await readAll(site.cursor('north')))
  await site.close()
  const next = await Site.open(t, { folder: dirname(site.file) })
  next.cursor().delivered(await readAll(next.cursor()))
  await next.durable(0)
  assert.deepEqual(
    next.outbox.absent.map(({ name }) => name),
    ['south'],
  )
  assert.equal(next.outbox.storedRange.first, 1)
  await assert.rejects(next.outbox.operator.forget('north'), hasCode('still_configured'))
  assert.deepEqual(await next.outbox.operator.forget('south'), { records: 10 })
  assert.deepEqual(next.outbox.absent, [])
  await until(
    async () => {
      await next.durable(0)
      return next.outbox.storedRange.first === 0
    },
    { what: 'the rows are removed' },
  )
  await next.close()
  const last = await Site.open(t, { folder: dirname(site.file), uplinks: NORTH_SOUTH })
  assert.deepEqual(last.outbox.absent, [])
  // It is a new uplink now, and begins with this epoch.
  assert.equal((await readAll(last.cursor('south'))).length, 1)
})

test('P12: an uplink that is renamed with `formerly` goes on where it was', async (t) => {
  const site = await Site.open(t)
  await site.durable(9)
  site.cursor().delivered((await readAll(site.cursor())).slice(0, 6))
  await site.durable(0)
  await site.abandon()
  const uplinks = [{ name: 'cloud', formerly: 'north', startAt: 'tail' as const }]
  const next = await Site.open(t, { folder: dirname(site.file), uplinks })
  assert.deepEqual(next.outbox.absent, [])
  assert.deepEqual(seqsOf(await readAll(next.cursor('cloud'))), [7, 8, 9, 10, 11])
  assert.equal(next.cursor('cloud').account.totals().delivered, 6)
  await next.abandon()
  // The word may stay in the configuration for ever.
  const last = await Site.open(t, { folder: dirname(site.file), uplinks })
  assert.equal((await readAll(last.cursor('cloud'))).length, 6)
})

test('P12: a new name without `formerly` is a new uplink, and the old one keeps its backlog', async (t) => {
  const site = await Site.open(t)
  await site.durable(9)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file), uplinks: [{ name: 'cloud', startAt: 'tail' }] })
  assert.deepEqual(
    next.outbox.absent.map(({ name }) => name),
    ['north'],
  )
  assert.equal((await readAll(next.cursor('cloud'))).length, 1)
  assert.equal(next.outbox.storedRange.first, 1)
})

test('what is dropped by hand is counted, removed, and told with the reason', async (t) => {
  const site = await Site.open(t, { uplinks: NORTH_SOUTH })
  await site.durable(9)
  assert.deepEqual(await site.outbox.operator.dropBefore(6), { records: 5 })
  for (const name of ['north', 'south']) {
    assert.equal(site.cursor(name).account.totals().dropped, 5)
    assertBooks(site, name, 5)
    assert.deepEqual(seqsOf(await readAll(site.cursor(name))), [6, 7, 8, 9, 10])
  }
  for (const record of site.outbox.losses.ended({ force: true })) site.outbox.append([record])
  const [told] = await readAll(site.cursor('north'))
  assert.deepEqual(JSON.parse(`{${told?.body}}`), {
    ...JSON.parse(`{${told?.body}}`),
    event: 'dropped',
    reason: 'operator',
    first: 1,
    last: 5,
    count: 5,
  })
})

test('what is dropped for one uplink reaches the other', async (t) => {
  const site = await Site.open(t, { uplinks: NORTH_SOUTH })
  await site.durable(9)
  const [inFlight] = await site.cursor('north').next(1)
  assert.ok(inFlight)
  // What is in flight is left alone.
  assert.deepEqual(await site.outbox.operator.dropBefore(8, 'north'), { records: 6 })
  assert.deepEqual(seqsOf(await readAll(site.cursor('north'))), [8, 9, 10])
  assert.equal((await readAll(site.cursor('south'))).length, 10)
  assert.equal(site.cursor('north').account.totals().dropped, 6)
  assert.equal(site.cursor('south').account.totals().dropped, 0)
  assertBooks(site, 'north', 4)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file), uplinks: NORTH_SOUTH })
  const records = await readAll(next.cursor('north'))
  // 12 is the record of the loss.
  assert.deepEqual(seqsOf(records), [1, 8, 9, 10, 11, 12])
  next.cursor('north').delivered(records)
  assertBooks(next, 'north', 0)
  assert.equal(next.cursor('north').account.totals().dropped, 6)
})

test('rejected records are tried once more on demand, with their ids, and the books follow', async (t) => {
  const site = await Site.open(t)
  const cursor = site.cursor()
  await site.durable(4)
  const records = await readAll(cursor)
  for (const record of records.slice(1, 4)) cursor.rejected(record, 'no')
  cursor.delivered([...records.slice(0, 1), ...records.slice(4)])
  assertBooks(site, 'north', 0)
  assert.deepEqual(await site.outbox.operator.retryRejected('north', [2, 3]), { records: 2 })
  const again = await readAll(cursor)
  assert.deepEqual(
    again.map(({ idPrefix, seq, body, ts }) => ({ idPrefix, seq, body, ts: Math.round(ts / 10) })),
    records.slice(1, 3).map(({ idPrefix, seq, body, ts }) => ({ idPrefix, seq, body, ts: Math.round(ts / 10) })),
  )
  assert.ok(again[0] && again[1])
  cursor.delivered([again[0]])
  cursor.rejected(again[1], 'still no')
  await site.durable(0)
  assertBooks(site, 'north', 0)
  assert.equal(cursor.account.totals().rejected, 2)
  assert.equal(cursor.account.totals().delivered, 3)
  cursor.rewind()
  assert.deepEqual(await readAll(cursor), [])
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.deepEqual(await next.outbox.operator.retryRejected('north', 'all'), { records: 2 })
  const once = await readAll(next.cursor())
  assert.deepEqual(seqsOf(once), [6, 3, 4])
  next.cursor().delivered(once)
  await next.durable(0)
  assert.deepEqual(await next.outbox.operator.retryRejected('north', 'all'), { records: 0 })
  assert.equal(next.cursor().account.totals().rejected, 0)
  assertBooks(next, 'north', 0)
})

test('a retry without an answer is made again, also after a kill', async (t) => {
  const site = await Site.open(t)
  const [record] = await readAll(site.cursor())
  assert.ok(record)
  site.cursor().rejected(record, 'no')
  await site.outbox.operator.retryRejected('north', 'all')
  assert.equal((await readAll(site.cursor())).length, 1)
  site.cursor().rewind()
  assert.equal((await readAll(site.cursor())).length, 1)
  await site.abandon()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.deepEqual(seqsOf(await readAll(next.cursor())), [2, 1])
})

test('rejected records are discarded by hand and stay counted', async (t) => {
  const site = await Site.open(t)
  await site.durable(3)
  for (const record of await readAll(site.cursor())) site.cursor().rejected(record, 'no')
  assert.deepEqual(await site.outbox.operator.discardRejected('north', [2]), { records: 1 })
  assert.deepEqual(await site.outbox.operator.discardRejected('north', 'all'), { records: 3 })
  assert.deepEqual(await site.outbox.operator.retryRejected('north', 'all'), { records: 0 })
  assert.equal(site.cursor().account.totals().rejected, 4)
  assertBooks(site, 'north', 0)
})

test('an unknown name is refused with the names there are', async (t) => {
  const site = await Site.open(t)
  const { operator } = site.outbox
  const attempts = [
    operator.pause('west'),
    operator.resume('west'),
    operator.forget('west'),
    operator.replay('west', { from: 1, through: 2 }),
    operator.dropBefore(2, 'west'),
    operator.retryRejected('west', 'all'),
    operator.discardRejected('west', 'all'),
  ]
  for (const attempt of attempts) {
    await assert.rejects(
      attempt,
      (error) => hasCode('unknown_uplink')(error) && /north/.test((error as GatewayError).hint ?? ''),
    )
  }
})

test('a rejected record that is asked for again while it is in flight counts once', async (t) => {
  const site = await Site.open(t)
  const cursor = site.cursor()
  await site.durable(3)
  for (const record of await readAll(cursor)) cursor.rejected(record, 'no')
  await site.outbox.operator.retryRejected('north', 'all')
  const inFlight = await readAll(cursor)
  assert.equal(inFlight.length, 4)
  await site.outbox.operator.retryRejected('north', 'all')
  assert.deepEqual(await readAll(cursor), [])
  cursor.delivered(inFlight)
  const during = site.outbox.operator.retryRejected('north', 'all')
  cursor.delivered(inFlight)
  assert.deepEqual(await during, { records: 0 })
  assert.deepEqual(await readAll(cursor), [])
  const { rejected, delivered } = cursor.account.totals()
  assert.deepEqual({ rejected, delivered }, { rejected: 0, delivered: 4 })
  assertBooks(site, 'north', 0)
})

test('a page that is being read when the pause begins comes after it', async (t) => {
  const site = await Site.open(t)
  const cursor = site.cursor()
  await site.durable(50)
  const reading = cursor.next(100)
  await site.outbox.operator.pause('north')
  assert.deepEqual(await reading, [])
  await site.outbox.operator.resume('north')
  assert.equal((await readAll(cursor)).length, 51)
})

test('dropping for one uplink leaves one range, whatever lies in between', async (t) => {
  const site = await Site.open(t, { uplinks: NORTH_SOUTH })
  for (let i = 0; i < 40; i += 1) site.outbox.append([...site.records(1), ...site.records(1, { to: 'south' })])
  await site.durable(0)
  await site.outbox.operator.dropBefore(70, 'north')
  assert.equal(site.cursor('north').skipped.size, 1)
  const records = await readAll(site.cursor('north'))
  assert.equal(records[0]?.seq, 70)
  site.cursor('north').delivered(records)
  assertBooks(site, 'north', 0)
})

test('a `formerly` that does nothing is named in the log', async (t) => {
  const lines: string[] = []
  const log = { ...silentLogger, warn: (message: string) => void lines.push(message) }
  const site = await Site.open(t)
  await site.abandon()
  const misspelt = await Site.open(t, {
    folder: dirname(site.file),
    log,
    uplinks: [{ name: 'cloud', formerly: 'nroth', startAt: 'tail' }],
  })
  await misspelt.abandon()
  const late = await Site.open(t, {
    folder: dirname(site.file),
    log,
    uplinks: [{ name: 'cloud', formerly: 'north', startAt: 'tail' }],
  })
  await late.abandon()
  assert.deepEqual(lines, [
    'uplink cloud is new, because no uplink nroth is known (formerly)',
    'uplink cloud has a position of its own, so formerly: north does nothing; north keeps its records',
  ])
})

test('a drop for all leaves what is only kept for replay, and what is written while it goes on', async (t) => {
  const site = await Site.open(t, { uplinks: [{ name: 'north', startAt: 'head' }], keepsDelivered: true })
  await site.durable(9)
  site.cursor().delivered(await site.cursor().next(4))
  site.outbox.append(site.records(3))
  assert.deepEqual(await site.outbox.operator.dropBefore(100), { records: 6 })
  assert.equal(site.cursor().account.totals().dropped, 6)
  assertBooks(site, 'north', 3)
  await site.outbox.operator.replay('north', { from: 1, through: 4 })
  const all = await readAll(site.cursor())
  assert.deepEqual(
    all.map(({ seq }) => seq),
    [11, 12, 13, 1, 2, 3, 4],
  )
})
