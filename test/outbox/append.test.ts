import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooks, look, readAll, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

test('a durable append resolves after its rows are in the file', async (t) => {
  const site = await Site.open(t)
  await site.durable(3)
  await site.abandon()
  assert.equal(look(site.file, 'SELECT count(*) FROM record WHERE kind = 0'), 3)
})

test('an append without waiting is in memory, in order, and nowhere else', async (t) => {
  const site = await Site.open(t)
  site.outbox.append(site.records(3))
  assert.equal(site.outbox.tailSize, 3)
  const records = await readAll(site.cursor())
  assert.deepEqual(records.map(({ body }) => body).slice(1), ['"n":1', '"n":2', '"n":3'])
  await site.abandon()
  assert.equal(look(site.file, 'SELECT count(*) FROM record WHERE kind = 0'), 0)
})

test('a commit comes by age, with everything that came meanwhile', async (t) => {
  const site = await Site.open(t, { commitIntervalMs: 100 })
  const before = site.storage.commits
  site.outbox.append(site.records(2))
  site.outbox.append(site.records(3))
  await until(() => site.outbox.tailSize === 0, { what: 'the commit by age' })
  assert.equal(site.storage.commits, before + 1)
  assert.equal(site.outbox.writtenRecords, 1 + 5)
})

test('an interval of nothing commits every append by itself', async (t) => {
  const site = await Site.open(t, { commitIntervalMs: 0 })
  site.outbox.append(site.records(1))
  await until(() => site.outbox.tailSize === 0, { what: 'the commit' })
  await site.abandon()
  assert.equal(look(site.file, 'SELECT count(*) FROM record WHERE kind = 0'), 1)
})

test('waiting appends share a commit, and no record is written twice', async (t) => {
  const site = await Site.open(t)
  const before = site.storage.commits
  await Promise.all(Array.from({ length: 20 }, () => site.durable(5)))
  assert.equal(site.storage.commits, before + 2)
  assert.equal(site.outbox.writtenRecords, 1 + 100)
})

test('a report makes its record durable together with the operations it is joined with', async (t) => {
  const site = await Site.open(t)
  const [record] = site.records(1, { kind: 'outcome', source: 'boiler' })
  assert.ok(record)
  await site.storage.transact([site.outbox.report(record)])
  await site.abandon()
  assert.equal(look(site.file, 'SELECT count(*) FROM record WHERE kind = 2'), 1)
})

test('P1: nobody sees a reported record before it is durable, and those behind it wait', async (t) => {
  const site = await Site.open(t)
  const cursor = site.cursor()
  cursor.delivered(await readAll(cursor))
  const [record] = site.records(1, { kind: 'outcome', source: 'boiler' })
  assert.ok(record)
  let woken = 0
  cursor.onAppend = () => {
    woken += 1
  }
  const transacted = site.storage.transact([site.outbox.report(record)])
  site.outbox.append(site.records(1))
  assert.deepEqual(await cursor.next(10), [])
  woken = 0
  await transacted
  assert.equal(woken, 1)
  const bodies = (await readAll(cursor)).map(({ body }) => body)
  assert.deepEqual(bodies, ['"n":1', '"n":2'])
})

test('text of every sort comes back as it was given', async (t) => {
  const site = await Site.open(t)
  const bodies = [
    '',
    '"a":"\u0000\\u0000"',
    '"ü":"€😀"',
    `"long":"${'x'.repeat(100_000)}"`,
    '"q":"\'; DROP TABLE record; --"',
  ]
  await site.outbox.append(
    bodies.map((body) => ({ kind: 'data', source: `ü ${body.length}`, body, mono: 1 })),
    { durable: true },
  )
  const records = (await readAll(site.cursor())).slice(1)
  assert.deepEqual(
    records.map(({ body }) => body),
    bodies,
  )
  assert.deepEqual(
    records.map(({ source }) => source),
    bodies.map((body) => `ü ${body.length}`),
  )
})

test('an append to an uplink nobody configured is wanted by nobody and holds nothing up', async (t) => {
  const site = await Site.open(t)
  await site.durable(2, { to: 'nowhere' })
  await site.durable(1)
  const records = await readAll(site.cursor())
  assert.deepEqual(
    records.map(({ seq, after }) => [seq, after]),
    [
      [1, undefined],
      [4, 1],
    ],
  )
  assertBooks(site, 'north', 2)
  await site.abandon()
  assert.equal(look(site.file, 'SELECT count(*) FROM record'), 2)
})
