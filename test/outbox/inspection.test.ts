/** Looking at single records of the running outbox, as `tidegate outbox ls` and its like do. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Clock } from '../../src/clock.ts'
import { Inspection } from '../../src/outbox/inspection.ts'
import { liveView } from '../../src/outbox/live-view.ts'
import type { ListedRecord, RecordQuery } from '../../src/outbox-api.ts'
import { readAll, Site, type SiteOptions } from '../support/outbox-site.ts'

const both: SiteOptions = {
  uplinks: [
    { name: 'north', startAt: 'head' },
    { name: 'south', startAt: 'head' },
  ],
}

async function rig(t: TestContext, options: SiteOptions = both) {
  const site = await Site.open(t, options)
  const inspection = new Inspection(site.storage, () => liveView(site.outbox))
  const seqs = async (query: RecordQuery) => (await inspection.records(query)).records.map(({ seq }) => seq)
  return { site, inspection, seqs }
}

/** Time that passes only when the test says so. */
function manualTime(): Clock & { at: number } {
  return {
    at: 1_000_000,
    mono() {
      return this.at
    },
    precise() {
      return this.at
    },
    wall() {
      return this.at + Date.UTC(2026, 0, 1)
    },
    wait: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
  }
}

test('lists what waits, on disk and in memory, each record once and in order', async (t) => {
  const { site, inspection } = await rig(t)
  await site.durable(4)
  site.outbox.append(site.records(3))
  const { records } = await inspection.records({})
  assert.deepEqual(
    records.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.deepEqual(records[2]?.waitsFor, ['north', 'south'])
  assert.deepEqual([records[2]?.body, records[7]?.body], ['"n":2', '"n":7'])
})

test('what an uplink has is not listed for it; what all have only with `all`, as long as it is there', async (t) => {
  const { site, seqs, inspection } = await rig(t, { ...both, keepsDelivered: true })
  await site.durable(3)
  const north = await readAll(site.cursor('north'))
  site.cursor('north').delivered(north)
  site.cursor('south').delivered((await readAll(site.cursor('south'))).slice(0, 2))
  assert.deepEqual(await seqs({ uplink: 'north' }), [])
  assert.deepEqual(await seqs({ uplink: 'south' }), [3, 4])
  assert.deepEqual(await seqs({}), [3, 4])
  const { records } = await inspection.records({ all: true })
  assert.deepEqual(
    records.map(({ seq, waitsFor }) => [seq, waitsFor]),
    [
      [1, []],
      [2, []],
      [3, ['south']],
      [4, ['south']],
    ],
  )
})

test('pages join without a gap, and end', async (t) => {
  const { site, inspection } = await rig(t)
  await site.durable(5)
  site.outbox.append(site.records(4))
  const found: ListedRecord[] = []
  let after = 0
  for (let pages = 0; ; pages += 1) {
    assert.ok(pages < 10, 'it does not end')
    const page = await inspection.records({ after, limit: 3, through: 9 })
    found.push(...page.records)
    after = page.examined
    if (page.examined === page.through) break
  }
  assert.deepEqual(
    found.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
})

test('`after`, `late` and identity are those the uplink gets', async (t) => {
  const { site, inspection } = await rig(t)
  await site.durable(1)
  await site.durable(2, { to: 'south' })
  await site.durable(2)
  site.outbox.append(site.records(1, { to: 'south' }))
  site.outbox.append(site.records(1))
  const listed = (await inspection.records({ uplink: 'north' })).records
  const sent = await readAll(site.cursor('north'))
  assert.deepEqual(
    listed.map(({ waitsFor: _, ...record }) => record),
    sent,
  )
  assert.ok(sent.some(({ after }) => after !== undefined))
  const [, , third] = (await inspection.records({ uplink: 'north', after: 2 })).records
  assert.deepEqual(
    third,
    listed.find(({ seq }) => seq === third?.seq),
    'also when the listing begins in the middle',
  )
})

test('times and ages choose by when a record was made, on disk and in memory', async (t) => {
  const clock = manualTime()
  const { site, seqs } = await rig(t, { ...both, clock })
  for (let hour = 0; hour < 4; hour += 1) {
    await site.durable(1)
    clock.at += 3_600_000
  }
  site.outbox.append(site.records(1))
  const iso = (hours: number) => new Date(Date.UTC(2026, 0, 1) + 1_000_000 + hours * 3_600_000).toISOString()
  assert.deepEqual(await seqs({ since: iso(2) }), [4, 5, 6])
  assert.deepEqual(await seqs({ since: iso(2), until: iso(3) }), [4, 5])
  assert.deepEqual(await seqs({ since: '1h' }), [5, 6])
  assert.deepEqual(await seqs({ since: iso(3.5) }), [6])
  assert.deepEqual(await seqs({ until: '3' }), [1, 2, 3])
  assert.deepEqual(await seqs({ since: iso(5) }), [])
})

test('one kind can be chosen among many of another', async (t) => {
  const { site, seqs } = await rig(t)
  await site.durable(30)
  await site.durable(1, { kind: 'event', source: '' })
  await site.durable(30)
  site.outbox.append(site.records(1, { kind: 'event', source: '' }))
  assert.deepEqual(await seqs({ kind: 'event' }), [1, 32, 63])
  assert.deepEqual(await seqs({ kind: 'outcome' }), [])
})

test('counts what a drop would give up: what waits on disk, is older and not being sent; once for all uplinks', async (t) => {
  const { site, inspection } = await rig(t)
  await site.durable(9)
  site.outbox.append(site.records(3))
  const sent = await site.cursor('north').next(5)
  site.cursor('north').delivered(sent.slice(0, 4))
  assert.deepEqual(await inspection.count({ before: '8' }), { records: 6, first: 1, last: 7 })
  assert.deepEqual(await inspection.count({ before: '8', uplink: 'north' }), { records: 2, first: 6, last: 7 })
  const all = await inspection.count({ before: '100' })
  assert.deepEqual(all, { records: 9, first: 1, last: 10 })
  assert.deepEqual(await inspection.count({ before: '1' }), { records: 0, first: 0, last: 0 })
  assert.deepEqual(await site.outbox.operator.dropBefore(100), { records: all.records })
})

test('rejected records are listed with their reason, and whether they are to be sent again', async (t) => {
  const { site, inspection } = await rig(t)
  await site.durable(3)
  const [, second, third] = await readAll(site.cursor('north'))
  assert.ok(second && third)
  site.cursor('north').rejected(second, 'packet too large')
  site.cursor('north').rejected(third, 'topic name invalid')
  await site.durable(1)
  await site.outbox.operator.retryRejected('north', [third.seq])
  const found = await inspection.rejected({})
  assert.deepEqual(
    found.map(({ uplink, seq, reason, retry, body }) => ({ uplink, seq, reason, retry, body })),
    [
      { uplink: 'north', seq: 2, reason: 'packet too large', retry: false, body: '"n":1' },
      { uplink: 'north', seq: 3, reason: 'topic name invalid', retry: true, body: '"n":2' },
    ],
  )
  assert.match(found[0]?.id ?? '', /^gw\/1-[0-9a-f]{8}\/2$/)
  assert.deepEqual(await inspection.rejected({ uplink: 'south' }), [])
  assert.equal((await inspection.rejected({ limit: 1 })).length, 1)
})

test('an uplink that nobody has is refused, with those there are', async (t) => {
  const { inspection } = await rig(t)
  await assert.rejects(inspection.records({ uplink: 'west' }), { code: 'unknown_uplink', hint: 'known: north, south' })
  await assert.rejects(inspection.records({ since: 'soon' }), { code: 'usage' })
})
