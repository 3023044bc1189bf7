import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredRecord } from '../../src/model.ts'
import { RANGES_MAX } from '../../src/outbox/standing.ts'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'

/** Every second one is acknowledged, so that each is a range of its own. */
function acknowledgeEverySecond(site: Site, records: readonly StoredRecord[]): void {
  for (const record of records) if (record.seq % 2 === 0) site.cursor().delivered([record])
}

for (const from of ['memory', 'the table'] as const) {
  test(`with too many holes in what came from ${from}, nothing new is handed out until they close`, async (t) => {
    const site = await Site.open(t)
    const records = site.records(4 * RANGES_MAX)
    if (from === 'memory') site.outbox.append(records)
    else await site.outbox.append(records, { durable: true })
    const cursor = site.cursor()
    const handed: StoredRecord[] = []
    let woken = 0
    cursor.onAppend = () => {
      woken += 1
    }
    for (let page = await cursor.next(100); page.length > 0; page = await cursor.next(100)) {
      handed.push(...page)
      acknowledgeEverySecond(site, page)
    }
    // What was read ahead is still handed out: a page at most.
    assert.ok(cursor.ranges.size >= RANGES_MAX && cursor.ranges.size < 2 * RANGES_MAX, `${cursor.ranges.size} ranges`)
    woken = 0
    cursor.delivered(handed.filter(({ seq }) => seq % 2 === 1))
    assert.equal(woken, 1)
    const rest = await readAll(cursor)
    assert.equal(rest[0]?.seq, (handed.at(-1)?.seq ?? 0) + 1)
    assert.equal(handed.length + rest.length, 4 * RANGES_MAX + 1)
  })

  test(`a session that died with too many holes does not stop the next one (${from})`, async (t) => {
    const site = await Site.open(t)
    const records = site.records(4 * RANGES_MAX)
    if (from === 'memory') site.outbox.append(records)
    else await site.outbox.append(records, { durable: true })
    const cursor = site.cursor()
    for (let page = await cursor.next(100); page.length > 0; page = await cursor.next(100)) {
      acknowledgeEverySecond(site, page)
    }
    for (let session = 0; session < 50; session += 1) {
      cursor.rewind()
      const page = await cursor.next(1_000)
      if (page.length === 0) break
      cursor.delivered(page)
    }
    cursor.delivered(await readAll(cursor))
    assertBooks(site, 'north', 0)
    assert.equal(cursor.ranges.size, 1)
  })
}

test('holes that were given up at a limit close when the uplink passes them', async (t) => {
  const site = await Site.open(t)
  await site.durable(99)
  const cursor = site.cursor()
  acknowledgeEverySecond(site, await readAll(cursor))
  assert.equal(cursor.ranges.size, 51)
  cursor.rewind()
  const odd = Array.from({ length: 50 }, (_, index) => ({ seq: index * 2 + 1, boot: 1, mono: 0, target: 0 }))
  assert.equal(await site.outbox.giveUp(odd, 'max_age'), 50)
  assertBooks(site, 'north', 0)
  await site.durable(1)
  cursor.delivered(await readAll(cursor))
  assert.equal(cursor.ranges.size, 1)
  assert.equal(cursor.account.totals().dropped, 50)
})

test('numbers for others leave no holes', async (t) => {
  const site = await Site.open(t, {
    uplinks: [
      { name: 'north', startAt: 'tail' },
      { name: 'south', startAt: 'tail' },
    ],
  })
  for (let i = 0; i < 100; i += 1) site.outbox.append([...site.records(1), ...site.records(1, { to: 'south' })])
  const cursor = site.cursor()
  for (const record of await readAll(cursor)) cursor.delivered([record])
  assert.equal(cursor.ranges.size, 1)
})

test('what was settled in memory while an earlier record waits is not lost from the chain', async (t) => {
  const site = await Site.open(t)
  site.outbox.append(site.records(5))
  const cursor = site.cursor()
  const records = await readAll(cursor)
  // 3 and 4 never become rows: everybody has them before the commit.
  cursor.delivered(records.slice(2, 4))
  await site.durable(0)
  cursor.rewind()
  const again = await readAll(cursor)
  assert.deepEqual(
    again.map(({ seq, after }) => [seq, after]),
    [
      [1, undefined],
      [2, undefined],
      [5, undefined],
      [6, undefined],
    ],
  )
})
