import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import type { StoredRecord } from '../../src/model.ts'
import { Inspection } from '../../src/outbox/inspection.ts'
import { liveView } from '../../src/outbox/live-view.ts'
import { parseReply, replyText } from '../../src/outbox/reply.ts'
import { rowSum } from '../../src/outbox/row-sum.ts'
import { look, readAll, Site } from '../support/outbox-site.ts'

const reply = { topic: 'asker/answers', correlation: 'AAECAw==' }
const outcome = { kind: 'outcome', source: 'pump', expiresAfterMs: 0 } as const
const replies = (records: readonly StoredRecord[]) =>
  records.filter(({ kind }) => kind !== 'event').map((record) => record.reply ?? null)

/** Among records without, so that each finds its own. */
async function fill(site: Site): Promise<void> {
  await site.durable(2)
  await site.durable(1, { ...outcome, reply })
  await site.durable(1, outcome)
  await site.durable(1, { ...outcome, reply: { topic: 'other' } })
}
const filled = [null, null, reply, null, { topic: 'other' }]

test('a reply comes back with its record, from memory and from the table, and is absent where there is none', async (t) => {
  const site = await Site.open(t)
  site.outbox.append(site.records(1, { ...outcome, reply }))
  const fromMemory = await readAll(site.cursor())
  assert.deepEqual(replies(fromMemory), [reply])
  await fill(site)
  site.cursor().rewind()
  const records = await readAll(site.cursor())
  assert.deepEqual(replies(records), [reply, ...filled])
  assert.ok(records.every((record) => !('reply' in record) || record.reply !== undefined))
})

test('it outlives a restart and the death of the agent', async (t) => {
  const site = await Site.open(t)
  await fill(site)
  await site.close()
  const next = await Site.open(t, { folder: dirname(site.file) })
  assert.deepEqual(replies(await readAll(next.cursor())), filled)
  await next.abandon()
  const last = await Site.open(t, { folder: dirname(site.file) })
  assert.deepEqual(replies(await readAll(last.cursor())), filled)
  await last.abandon()
  assert.equal(look(site.file, 'SELECT count(reply) FROM record'), 2)
})

test('a listing has it', async (t) => {
  const site = await Site.open(t)
  await fill(site)
  site.outbox.append(site.records(1, { ...outcome, reply }))
  const inspection = new Inspection(site.storage, () => liveView(site.outbox))
  const { records } = await inspection.records({ kind: 'outcome' })
  assert.deepEqual(replies(records), [reply, null, { topic: 'other' }, reply])
})

test('a rejected record that is tried once more has it, and so has a replay', async (t) => {
  const site = await Site.open(t, { keepsDelivered: true })
  await fill(site)
  for (const record of await readAll(site.cursor())) {
    if (record.reply) site.cursor().rejected(record, 'no')
    else site.cursor().delivered([record])
  }
  await site.durable(0)
  assert.deepEqual(await site.outbox.operator.retryRejected('north', 'all'), { records: 2 })
  const tried = await readAll(site.cursor())
  assert.deepEqual(
    tried.map(({ again }) => again),
    ['retry', 'retry'],
  )
  assert.deepEqual(replies(tried), [reply, { topic: 'other' }])
  site.cursor().delivered(tried)
  await site.outbox.operator.replay('north', { from: 1, through: 10 })
  const replayed = await readAll(site.cursor())
  assert.ok(replayed.length > 0 && replayed.every(({ again }) => again === 'replay'))
  assert.deepEqual(replies(replayed), filled)
})

test('P6: a row whose reply is not what was stored is damage', async (t) => {
  const row = { seq: 1, kind: 2, boot: 1, mono: 5, target: 0, expires: 0, source: 'pump' }
  const sum = rowSum(row, '"n":1')
  assert.equal(rowSum({ ...row, reply: null }, '"n":1'), sum)
  const withReply = rowSum({ ...row, reply: '["a"]' }, '"n":1')
  assert.notEqual(withReply, sum)
  assert.notEqual(rowSum({ ...row, reply: '["b"]' }, '"n":1'), withReply)
  assert.notEqual(rowSum(row, '"n":1["a"]'), withReply)

  const site = await Site.open(t)
  await fill(site)
  await site.abandon()
  const database = new Database(site.file)
  const { changes } = database.prepare(`UPDATE record SET reply = '["thief"]' WHERE reply = '["other"]'`).run()
  database.close()
  assert.equal(changes, 1)
  const next = await Site.open(t, { folder: dirname(site.file) })
  const records = await readAll(next.cursor())
  assert.ok(!replies(records).some((found) => found?.topic === 'thief'))
})

test('what is stored reads back the same; anything else is none', () => {
  const any = fc.record(
    { topic: fc.string({ unit: 'binary' }), correlation: fc.base64String() },
    { requiredKeys: ['topic'], noNullPrototype: true },
  )
  fc.assert(fc.property(any, (one) => assert.deepEqual(parseReply(replyText(one)), one)))
  for (const text of [null, undefined, '', '{', '{}', '[]', '[1]', 'null', '"a"'])
    assert.equal(parseReply(text), undefined)
})
