import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { StoredRecord } from '../../src/model.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { RANGES_MAX } from '../../src/outbox/standing.ts'
import { SteppedClock } from '../support/outbox-clock.ts'
import { assertBooks, readAll, Site, type SiteOptions } from '../support/outbox-site.ts'

const north: UplinkIdentity = { name: 'north', startAt: 'tail', order: 'live_first' }
const shown = (records: readonly StoredRecord[]) =>
  records.map(({ seq, after, late }) => `${seq}${after === undefined ? '' : ` after ${after}`}${late ? ' late' : ''}`)

/** An uplink that connects after an outage: `backlog` readings are on disk, behind the first record. */
async function afterOutage(t: TestContext, backlog: number, options: SiteOptions = {}): Promise<Site> {
  const clock = new SteppedClock()
  const site = await Site.open(t, { uplinks: [north], clock, ...options })
  await site.durable(backlog)
  clock.monoStep += 60_000
  site.cursor().rewind()
  return site
}

test('what is made during a session is handed out beside the backlog, which is late', async (t) => {
  const site = await afterOutage(t, 3)
  assert.deepEqual(site.cursor().nextLive(10), [])
  site.outbox.append(site.records(2))
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['5', '6'])
  assert.deepEqual(site.cursor().nextLive(10), [])
  const backlog = await readAll(site.cursor())
  assert.deepEqual(shown(backlog), ['1 late', '2 late', '3 late', '4 late'])
  assert.equal(site.cursor().hasLate(), true)
  site.cursor().delivered(backlog)
  assert.equal(site.cursor().hasLate(), false)
})

test('with an empty backlog everything goes through the live lane', async (t) => {
  const site = await Site.open(t, { uplinks: [north] })
  site.cursor().rewind()
  site.cursor().delivered(await readAll(site.cursor()))
  for (let round = 0; round < 5; round += 1) {
    site.outbox.append(site.records(3))
    const live = site.cursor().nextLive(10)
    assert.equal(live.length, 3)
    assert.deepEqual(await site.cursor().next(10), [])
    site.cursor().delivered(live)
  }
  assert.equal(site.cursor().ranges.size, 1)
  assert.equal(site.outbox.tailSize, 0)
  assertBooks(site, 'north', 0)
})

test('it is handed out from memory, whether it went to disk meanwhile or not', async (t) => {
  const site = await afterOutage(t, 3)
  await site.durable(2)
  assert.equal(site.outbox.tailSize, 0)
  site.outbox.append(site.records(1))
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['5', '6', '7'])
})

test('a record names the one before it that the uplink wants, though that is still waiting', async (t) => {
  const site = await afterOutage(t, 3, { uplinks: [{ ...north, filter: { devices: ['meter'] } }] })
  site.outbox.append([...site.records(2, { source: 'pump' }), ...site.records(1)])
  const live = site.cursor().nextLive(10)
  assert.deepEqual(shown(live), ['7 after 4'])
  site.cursor().delivered(live)
  // A kill, and a start: what is settled says the same.
  await site.durable(0)
  await site.abandon()
  const next = await Site.open(t, { uplinks: [north], folder: dirname(site.file) })
  assert.deepEqual(shown(await readAll(next.cursor())), ['1 late', '2 late', '3 late', '4 late', '8'])
})

test('answers of both lanes, in any order, make one range', async (t) => {
  const site = await afterOutage(t, 5)
  site.outbox.append(site.records(5))
  const live = site.cursor().nextLive(10)
  const backlog = await readAll(site.cursor())
  site.cursor().delivered([...live].reverse())
  assert.equal(site.cursor().ranges.size, 2)
  assertBooks(site, 'north', 6)
  site.cursor().delivered([...backlog].reverse(), 1)
  assert.equal(site.cursor().ranges.size, 1)
  assertBooks(site, 'north', 0)
})

test('left behind by more than memory is meant for, it becomes backlog, late, and the lane begins anew', async (t) => {
  const site = await afterOutage(t, 2)
  site.outbox.append(site.records(2))
  const first = site.cursor().nextLive(10)
  assert.deepEqual(shown(first), ['4', '5'])
  // Three of them are more than a megabyte.
  site.outbox.append(site.records(3, { body: `"n":"${'x'.repeat(400_000)}"` }))
  assert.deepEqual(site.cursor().nextLive(10), [])
  site.outbox.append(site.records(1))
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['9'])
  await site.durable(0)
  const backlog = await readAll(site.cursor())
  // What is in flight is not handed out again.
  assert.deepEqual(shown(backlog), ['1 late', '2 late', '3 late', '6 late', '7 late', '8 late'])
  site.cursor().delivered([...backlog, ...first])
  assertBooks(site, 'north', 1)
})

test('where the table is not what it was, the live lane gives what waits to the backlog, and begins anew', async (t) => {
  const site = await afterOutage(t, 1)
  await site.durable(3)
  const live = site.cursor().nextLive(1)
  // As a salvage does it: what waits is a row that may be gone, and must be counted once, as delivered or as lost.
  site.cursor().readAgain()
  assert.deepEqual(site.cursor().nextLive(10), [])
  site.outbox.append(site.records(1))
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['6'])
  site.cursor().delivered(live)
  assert.deepEqual(shown(await readAll(site.cursor())), ['1 late', '2 late', '4 late', '5 late'])
})

test('a new session begins anew: what was live is backlog now', async (t) => {
  const site = await afterOutage(t, 1)
  site.outbox.append(site.records(3))
  const live = site.cursor().nextLive(2)
  site.cursor().delivered(live.slice(1))
  site.cursor().rewind()
  site.outbox.append(site.records(1))
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['6'])
  assert.deepEqual(shown(await readAll(site.cursor())), ['1 late', '2 late', '3 late', '5 late'])
})

test('with too many holes the live lane waits until the backlog has closed some', async (t) => {
  const site = await afterOutage(t, 50)
  const cursor = site.cursor()
  let woken = 0
  cursor.onAppend = () => {
    woken += 1
  }
  // Every second one stays in flight.
  const kept: StoredRecord[] = []
  while (cursor.ranges.size < RANGES_MAX) {
    site.outbox.append(site.records(2))
    const [first, second] = cursor.nextLive(2)
    assert.ok(first && second)
    kept.push(first)
    cursor.delivered([second])
  }
  site.outbox.append(site.records(1))
  assert.deepEqual(cursor.nextLive(10), [])
  woken = 0
  const backlog = await readAll(cursor)
  assert.equal(backlog.length, 51)
  cursor.delivered(backlog)
  assert.equal(woken, 0)
  cursor.delivered(kept)
  assert.equal(woken, 1)
  assert.equal(cursor.nextLive(10).length, 1)
  assert.equal(cursor.ranges.size, 1)
})

test('a record given up at a limit, or for this uplink, leaves the lane', async (t) => {
  const site = await afterOutage(t, 1)
  await site.durable(4)
  const records = [4, 5].map((seq) => ({ seq, boot: 1, mono: 0, target: 0 }))
  assert.equal(await site.outbox.giveUp(records, 'max_size'), 2)
  assert.equal((await site.outbox.operator.dropBefore(4, 'north')).records, 3)
  const live = site.cursor().nextLive(10)
  assert.deepEqual(shown(live), ['6 after 2'])
  site.cursor().delivered(live)
  assert.deepEqual(await readAll(site.cursor()), [])
  assertBooks(site, 'north', 0)
  assert.equal(site.cursor().dropped, 5)
  assert.equal(site.cursor().hasLate(), false)
})

test('what is in flight in the live lane is left alone by the limits, what waits below it is not', async (t) => {
  const site = await afterOutage(t, 3)
  await site.durable(2)
  const live = site.cursor().nextLive(1)
  assert.deepEqual(shown(live), ['5'])
  const records = [1, 2, 3, 4, 5, 6].map((seq) => ({ seq, boot: 1, mono: 0, target: 0 }))
  assert.equal(await site.outbox.giveUp(records, 'max_size'), 5)
  site.cursor().delivered(live)
  assertBooks(site, 'north', 0)
})

test('an outcome is not seen before it is durable, and is not late for that', async (t) => {
  const site = await afterOutage(t, 1)
  const [outcome] = site.records(1, { kind: 'outcome', source: 'key' })
  assert.ok(outcome)
  const stored = site.storage.transact([site.outbox.report(outcome)])
  site.outbox.append(site.records(1))
  assert.deepEqual(site.cursor().nextLive(10), [])
  await stored
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['3', '4'])
})

test('a paused uplink gets nothing live either, and goes on where it was', async (t) => {
  const site = await afterOutage(t, 1)
  await site.outbox.operator.pause('north')
  site.outbox.append(site.records(2))
  assert.deepEqual(site.cursor().nextLive(10), [])
  await site.outbox.operator.resume('north')
  assert.deepEqual(shown(site.cursor().nextLive(10)), ['3', '4'])
})

test('rows stay until both lanes are through', async (t) => {
  const site = await afterOutage(t, 20)
  await site.durable(5)
  const live = site.cursor().nextLive(10)
  const backlog = await readAll(site.cursor())
  site.cursor().delivered(backlog)
  site.cursor().delivered(live.slice(1))
  await site.durable(0)
  await site.durable(0)
  assert.equal(site.outbox.storedRange.first, live[0]?.seq)
  site.cursor().delivered(live.slice(0, 1))
  await site.durable(0)
  assert.equal(site.outbox.storedRange.first, 0)
})

test('with the other order there is no live lane', async (t) => {
  const site = await Site.open(t, {})
  site.cursor().rewind()
  site.outbox.append(site.records(3))
  assert.deepEqual(site.cursor().nextLive(10), [])
  assert.deepEqual(shown(await readAll(site.cursor())), ['1', '2', '3', '4'])
})
