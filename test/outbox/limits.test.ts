import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import type { StoredRecord } from '../../src/model.ts'
import { Keeper } from '../../src/outbox/keeper.ts'
import { SteppedClock } from '../support/outbox-clock.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'
import { assertBooks, look, readAll, Site } from '../support/outbox-site.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MIB = 1024 * 1024

function keeperOf(site: Site, limits: { readonly maxAgeMs?: number; readonly maxSizeBytes?: number }): Keeper {
  return new Keeper(site.outbox, {
    storage: site.storage,
    clock: site.clock,
    log: silentLogger,
    maxAgeMs: limits.maxAgeMs ?? 1e15,
    maxSizeBytes: limits.maxSizeBytes ?? 1e15,
    minFreeDiskBytes: 0,
    whenFull: 'drop_oldest',
    keepDeliveredMs: 0,
    expiriesMs: [],
    diskUse: () => site.storage.facts,
  })
}

const losses = (records: readonly StoredRecord[]) =>
  records.filter(({ body }) => body.startsWith('"event":"dropped"')).map(({ body }) => JSON.parse(`{${body}}`))

test('records older than max_age are given up, counted and reported to the uplink that lost them', async (t) => {
  const clock = new SteppedClock()
  const site = await Site.open(t, { clock })
  await site.durable(10)
  clock.monoStep += DAY
  await site.durable(5)
  const keeper = keeperOf(site, { maxAgeMs: DAY - HOUR })
  await keeper.check()
  assertBooks(site, 'north', 5)
  assert.equal(site.cursor().account.totals().dropped, 11)
  clock.monoStep += 60_000
  await keeper.check()
  const records = await readAll(site.cursor())
  assert.deepEqual(
    records.map(({ seq }) => seq),
    [12, 13, 14, 15, 16, 17],
  )
  const [loss] = losses(records)
  assert.deepEqual([loss.reason, loss.first, loss.last, loss.count], ['max_age', 1, 11, 11])
  assert.ok(Math.abs(loss.first_ts - (clock.wall() - DAY - 60_000)) < HOUR)
  await site.close()
  assert.equal(look(site.file, 'SELECT min(seq) FROM record'), 12)
})

test('a wall clock that jumps by years drops nothing', async (t) => {
  const clock = new SteppedClock()
  const site = await Site.open(t, { clock, clockKnown: false })
  await site.durable(5)
  for (const years of [10, -30, 40]) {
    clock.wallStep += years * 365 * DAY
    site.outbox.boots.observe({ mono: clock.mono(), wall: clock.wall(), clockKnown: years === 40 })
    await keeperOf(site, { maxAgeMs: HOUR }).check()
  }
  assertBooks(site, 'north', 6)
})

test('age counts across boots when both clocks were known, and only powered time when one was not', async (t) => {
  for (const [known, left] of [
    [true, 1],
    [false, 7],
  ] as const) {
    const clock = new SteppedClock()
    const site = await Site.open(t, { clock, clockKnown: known })
    await site.durable(5)
    await site.close()
    clock.wallStep += 10 * DAY
    const next = await Site.open(t, { clock, folder: dirname(site.file), boot: 'boot-2' })
    await keeperOf(next, { maxAgeMs: DAY * 365 * 100 }).check()
    assertBooks(next, 'north', 7)
    await keeperOf(next, { maxAgeMs: 9 * DAY }).check()
    // CLOCK_MONOTONIC of the machine under the test may be large: then powered time alone is too old as well.
    if (clock.mono() < 9 * DAY) assertBooks(next, 'north', left)
  }
})

test('beyond max_size the oldest readings go first, and events outlive them', async (t) => {
  const site = await Site.open(t)
  const body = `"x":"${'x'.repeat(1_000)}"`
  for (let round = 0; round < 10; round += 1) {
    await site.outbox.append([...site.records(500, { body }), ...site.records(1, { kind: 'event' })], { durable: true })
  }
  const before = site.storage.facts.usedBytes
  const maxSizeBytes = before - 2 * MIB
  const keeper = keeperOf(site, { maxSizeBytes })
  await keeper.check()
  const { dropped } = site.cursor().account.totals()
  assert.ok(site.storage.facts.usedBytes <= maxSizeBytes)
  assert.ok(site.storage.facts.usedBytes > maxSizeBytes - MIB, 'far too much was given up')
  assert.ok(dropped > 1_500 && dropped < 3_000, `${dropped} given up`)
  const records = await readAll(site.cursor())
  assert.equal(records.filter(({ kind }) => kind === 'event').length, 11)
  assert.equal(records.length, 5_011 - dropped)
  const readings = records.filter(({ kind }) => kind === 'data').map(({ seq }) => seq)
  assert.equal(readings.at(-1), 5_010)
  await site.close()
  assert.equal(look(site.file, 'SELECT sum(count) FROM loss'), dropped)
})

test('events go too when nothing else is left', async (t) => {
  const site = await Site.open(t)
  await site.durable(500, { kind: 'event', body: `"x":"${'x'.repeat(4_000)}"` })
  const maxSizeBytes = site.storage.facts.usedBytes - MIB
  await keeperOf(site, { maxSizeBytes }).check()
  assert.ok(site.storage.facts.usedBytes <= maxSizeBytes)
  assert.ok(site.cursor().account.totals().dropped > 200)
})

test('what is in flight is left alone, and what is left goes on without a seam', async (t) => {
  const clock = new SteppedClock()
  const site = await Site.open(t, { clock })
  await site.durable(20)
  const flying = await site.cursor().next(5)
  clock.monoStep += DAY
  await keeperOf(site, { maxAgeMs: HOUR }).check()
  assertBooks(site, 'north', 5)
  site.cursor().delivered(flying)
  assertBooks(site, 'north', 0)
  await site.durable(2)
  const rest = await readAll(site.cursor())
  assert.deepEqual(
    rest.map(({ seq, after }) => [seq, after]),
    [
      [22, 5],
      [23, undefined],
    ],
  )
})

test('only what an uplink still wanted counts as its loss', async (t) => {
  const clock = new SteppedClock()
  const site = await Site.open(t, {
    clock,
    uplinks: [
      { name: 'north', startAt: 'tail' },
      { name: 'south', startAt: 'tail' },
    ],
  })
  await site.durable(4)
  await site.durable(3, { to: 'south' })
  site.cursor('north').delivered((await readAll(site.cursor('north'))).slice(0, 2))
  site.cursor('north').rewind()
  clock.monoStep += DAY
  const keeper = keeperOf(site, { maxAgeMs: HOUR })
  await keeper.check()
  clock.monoStep += 60_000
  await keeper.check()
  assert.equal(site.cursor('north').account.totals().dropped, 3)
  assert.equal(site.cursor('south').account.totals().dropped, 8)
  for (const [name, count] of [
    ['north', 3],
    ['south', 8],
  ] as const) {
    const told = losses(await readAll(site.cursor(name)))
    assert.deepEqual(
      told.map((loss) => loss.count),
      [count],
      name,
    )
  }
})

test('a loss that the agent did not live to report is reported by the next', async (t) => {
  const clock = new SteppedClock()
  const site = await Site.open(t, { clock })
  await site.durable(5)
  clock.monoStep += DAY
  await keeperOf(site, { maxAgeMs: HOUR }).check()
  await site.abandon()
  const folder = dirname(site.file)
  const next = await Site.open(t, { folder })
  const told = losses(await readAll(next.cursor()))
  assert.deepEqual(
    told.map((loss) => [loss.first, loss.last, loss.count]),
    [[1, 6, 6]],
  )
  await next.close()
  const third = await Site.open(t, { folder })
  assert.equal(losses(await readAll(third.cursor())).length, 1)
  await third.close()
  const file = new Database(site.file)
  assert.deepEqual(brokenBooks(recount(file)), [])
  file.close()
})

test('an uplink that is away loses its rows to the limits as well, and hears of it when it is back', async (t) => {
  const clock = new SteppedClock()
  const first = await Site.open(t, { clock })
  await first.durable(5)
  await first.close()
  const folder = dirname(first.file)
  const away = await Site.open(t, { clock, folder, uplinks: [{ name: 'south', startAt: 'tail' }] })
  clock.monoStep += DAY
  await keeperOf(away, { maxAgeMs: HOUR }).check()
  clock.monoStep += 60_000
  await keeperOf(away, { maxAgeMs: HOUR }).check()
  await away.close()
  const back = await Site.open(t, { clock, folder, uplinks: [{ name: 'north', startAt: 'tail' }] })
  const told = losses(await readAll(back.cursor()))
  assert.deepEqual(
    told.map((loss) => [loss.first, loss.last, loss.count]),
    [[1, 6, 6]],
  )
})
