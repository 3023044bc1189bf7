import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { RecordFilter } from '../../src/outbox/filter.ts'
import { Inspection } from '../../src/outbox/inspection.ts'
import { liveView } from '../../src/outbox/live-view.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { verify } from '../../src/outbox/verify.ts'
import type { FilterSettings } from '../../src/uplink-settings.ts'
import { SteppedClock } from '../support/outbox-clock.ts'
import { assertBooks, look, readAll, Site, type SiteOptions } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

const all: UplinkIdentity = { name: 'north', startAt: 'tail' }

function only(filter: FilterSettings, startAt: UplinkIdentity['startAt'] = 'tail'): UplinkIdentity {
  return { name: 'south', startAt, filter }
}

const chain = (records: readonly { readonly seq: number; readonly after?: number }[]) =>
  records.map(({ seq, after }) => (after === undefined ? seq : `${seq} after ${after}`))

/** Readings of a meter and a pump in turn, `count` of each. */
function inTurn(site: Site, count: number): void {
  for (let i = 0; i < count; i += 1) site.outbox.append([...site.records(1), ...site.records(1, { source: 'pump' })])
}

async function assertVerified(site: Site): Promise<void> {
  const { epochs } = await verify(site.storage, liveView(site.outbox), { onProgress: () => {} })
  for (const { uplink, epoch, missing } of epochs) assert.equal(missing, 0, `${uplink}, ${epoch}`)
}

describe('a filter', () => {
  test('wants readings and events of its devices, and whatever is not of a device', () => {
    const filter = new RecordFilter({ devices: ['meter'] })
    const table: [Parameters<RecordFilter['wants']>[0], boolean][] = [
      [{ kind: 'data', source: 'meter', body: '' }, true],
      [{ kind: 'data', source: 'pump', body: '' }, false],
      [{ kind: 'event', source: 'meter', body: '' }, true],
      [{ kind: 'event', source: 'pump', body: '' }, false],
      [{ kind: 'event', source: '', body: '' }, true],
      [{ kind: 'outcome', source: 'pump-setpoint', body: '' }, true],
    ]
    for (const [record, wanted] of table) assert.equal(filter.wants(record, 0), wanted, JSON.stringify(record))
  })

  test('thins the readings of each device to the first of every period of the wall clock', () => {
    const filter = new RecordFilter({ thinToMs: 60_000 })
    const minute = Date.UTC(2026, 10, 21, 6, 30)
    const wanted = (atMs: number, source = 'meter') =>
      filter.wants({ kind: 'data', source, body: '"values":{"n":1}' }, minute + atMs)
    assert.deepEqual(
      [59_000, 59_999, 60_000, 61_000, 119_999, 120_000].map((at) => wanted(at)),
      [true, false, true, false, false, true],
    )
    assert.equal(wanted(120_000, 'pump'), true)
    // The clock is set back: another period, however often that happens.
    assert.equal(wanted(60_000), true)
    assert.equal(filter.wants({ kind: 'event', source: 'meter', body: '' }, minute), true)
  })

  test('a point that is read seldom is not lost behind one that is read often, nor a value behind an error', () => {
    const filter = new RecordFilter({ thinToMs: 60_000 })
    const minute = Date.UTC(2026, 10, 21, 6, 30)
    const table: [atMs: number, body: string, wanted: boolean][] = [
      [1_000, '"values":{"power":1}', true],
      [2_000, '"values":{"power":2}', false],
      [3_000, '"values":{"power":3,"energy":7}', true],
      [4_000, '"values":{"power":4},"errors":{"setpoint":"timeout"}', true],
      [5_000, '"errors":{"power":"timeout","setpoint":"timeout"}', false],
      [6_000, '"values":{"setpoint":55}', true],
      [7_000, '"errors":{"setpoint":"timeout"}', false],
      [8_000, '"values":{"energy":9007199254740993}', false],
      [61_000, '"values":{"power":5}', true],
    ]
    for (const [at, body, wanted] of table) {
      const record = { kind: 'data', source: 'meter', body: `"device":"meter",${body}` } as const
      assert.equal(filter.wants(record, minute + at), wanted, body)
    }
  })
})

test('a filtered uplink gets what it wants, every hole explained, from memory, table and after a restart', async (t) => {
  const options: SiteOptions = { uplinks: [all, only({ devices: ['pump'] })] }
  const site = await Site.open(t, options)
  inTurn(site, 3)
  const expected = [1, '3 after 1', '5 after 3', '7 after 5']
  assert.deepEqual(chain(await readAll(site.cursor('south'))), expected)
  assert.deepEqual(chain(await readAll(site.cursor('north'))), [1, 2, 3, 4, 5, 6, 7])
  await site.durable(0)
  site.cursor('south').rewind()
  const again = await readAll(site.cursor('south'))
  assert.deepEqual(chain(again), expected)
  site.cursor('south').delivered(again.slice(0, 2))
  assertBooks(site, 'south', 2)
  assertBooks(site, 'north', 7)
  assert.equal(site.cursor('south').account.totals().notWanted, 3)
  await assertVerified(site)
  await site.durable(0)
  await site.abandon()
  const next = await Site.open(t, { ...options, folder: dirname(site.file) })
  assert.deepEqual(chain(await readAll(next.cursor('south'))), ['5 after 3', '7 after 5', 8])
  await assertVerified(next)
})

test('P12: a filter that is changed decides about new records only', async (t) => {
  const site = await Site.open(t, { uplinks: [only({ devices: ['pump'] })], keepsDelivered: true })
  inTurn(site, 2)
  await site.durable(0)
  await site.abandon()
  const next = await Site.open(t, { uplinks: [only({ devices: ['meter'] })], folder: dirname(site.file) })
  inTurn(next, 2)
  assert.deepEqual(chain(await readAll(next.cursor('south'))), [1, '3 after 1', '5 after 3', 6, 7, '9 after 7'])
  await assertVerified(next)
  await next.durable(0)
  await next.abandon()
  const last = await Site.open(t, { uplinks: [{ name: 'south', startAt: 'tail' }], folder: dirname(site.file) })
  assert.deepEqual(chain(await readAll(last.cursor('south'))), [
    1,
    '3 after 1',
    '5 after 3',
    6,
    7,
    '9 after 7',
    '11 after 9',
  ])
  await assertVerified(last)
})

test('P10: what only others want is not stored for a filtered uplink that is away', async (t) => {
  const site = await Site.open(t, { uplinks: [all, only({ devices: ['pump'] })], commitIntervalMs: 50 })
  await site.durable(0)
  const before = site.outbox.writtenRecords
  for (let round = 0; round < 20; round += 1) {
    site.outbox.append(site.records(5))
    site.cursor('north').delivered(await readAll(site.cursor('north')))
  }
  assert.equal(site.outbox.tailSize, 0)
  site.outbox.append(site.records(1, { source: 'pump' }))
  await until(() => site.outbox.writtenRecords === before + 1, { what: 'the commit of what it wants' })
  assertBooks(site, 'south', 2)
})

test('nobody wants it: it is issued, booked and not stored', async (t) => {
  const site = await Site.open(t, { uplinks: [only({ devices: ['pump'] })] })
  await site.durable(5)
  assert.equal(site.outbox.writtenRecords, 1)
  assertBooks(site, 'south', 1)
  const [started] = await readAll(site.cursor('south'))
  assert.ok(started)
  site.cursor('south').delivered([started])
  await site.durable(1, { source: 'pump' })
  assert.deepEqual(chain(await readAll(site.cursor('south'))), ['7 after 1'])
  assert.equal(site.cursor('south').hasLate(), false)
})

test('what is meant for one uplink passes its filter', async (t) => {
  const site = await Site.open(t, { uplinks: [all, only({ devices: ['pump'] })] })
  site.outbox.append(site.records(1, { to: 'south' }))
  assert.deepEqual(chain(await readAll(site.cursor('south'))), [1, 2])
})

test('two filtered uplinks: each combination is remembered once', async (t) => {
  const west: UplinkIdentity = { name: 'west', startAt: 'tail', filter: { devices: ['meter'] } }
  const site = await Site.open(t, { uplinks: [all, only({ devices: ['pump'] }), west] })
  inTurn(site, 20)
  site.outbox.append(site.records(1, { source: 'fan' }))
  await site.durable(0)
  assert.equal(site.outbox.audiences.all.length, 3)
  assert.equal((await readAll(site.cursor('west'))).length, 21)
  await site.close()
  assert.equal(look(site.file, 'SELECT count(*) FROM audience'), 3)
  assert.equal(look(site.file, 'SELECT count(DISTINCT target) FROM record'), 4)
})

test('audiences are forgotten with the last row, and their numbers are not used again', async (t) => {
  const options: SiteOptions = { uplinks: [all, only({ devices: ['pump'] })] }
  const site = await Site.open(t, options)
  inTurn(site, 2)
  await site.durable(0)
  for (const name of ['north', 'south']) site.cursor(name).delivered(await readAll(site.cursor(name)))
  await site.close()
  assert.equal(look(site.file, 'SELECT count(*) FROM record'), 0)
  assert.equal(look(site.file, 'SELECT max(audience) FROM audience'), 1)
  const next = await Site.open(t, { ...options, folder: dirname(site.file) })
  inTurn(next, 2)
  await next.durable(0)
  await next.close()
  assert.equal(look(next.file, 'SELECT group_concat(audience) FROM audience'), '2')
})

test('an audience that is lost stands for everybody, and never comes again with other members', async (t) => {
  const options: SiteOptions = { uplinks: [all, only({ devices: ['pump'] })] }
  const site = await Site.open(t, options)
  inTurn(site, 2)
  await site.durable(0)
  await site.abandon()
  const database = new Database(site.file)
  database.exec('DELETE FROM audience')
  database.close()
  const next = await Site.open(t, { ...options, folder: dirname(site.file) })
  // 2 and 4 are not its devices: rather too much than a loss.
  assert.deepEqual(
    (await readAll(next.cursor('south'))).map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6],
  )
})

describe('a filtered uplink that begins with the oldest record', () => {
  /** Six rows of two devices are there before the uplink, and it decides about them. */
  async function begun(t: TestContext, filter: FilterSettings): Promise<Site> {
    const clock = new SteppedClock()
    const site = await Site.open(t, { uplinks: [all], clock })
    inTurn(site, 2)
    await site.durable(0)
    clock.monoStep += 60_000
    inTurn(site, 2)
    await site.durable(0)
    await site.abandon()
    return Site.open(t, { uplinks: [all, only(filter, 'head')], folder: dirname(site.file), clock })
  }

  test('takes of the past what it wants, and what it does not want is booked when it comes to it', async (t) => {
    const site = await begun(t, { devices: ['pump'] })
    assertBooks(site, 'south', 10)
    const records = await readAll(site.cursor('south'))
    assert.deepEqual(chain(records), [1, '3 after 1', '5 after 3', '7 after 5', '9 after 7', 10])
    assert.equal(site.cursor('south').account.totals().notWanted, 4)
    assertBooks(site, 'south', 6)
    await assertVerified(site)
    site.cursor('south').rewind()
    assert.deepEqual(chain(await readAll(site.cursor('south'))), chain(records))
    assert.equal(site.cursor('south').account.totals().notWanted, 4)
    site.cursor('south').delivered(records)
    assertBooks(site, 'south', 0)
    assert.equal(site.cursor('south').ranges.size, 1)
  })

  test('thins the past as well', async (t) => {
    const site = await begun(t, { thinToMs: 3_600_000 * 24 * 365 })
    const records = await readAll(site.cursor('south'))
    assert.deepEqual(chain(records), [1, 2, 3, '10 after 3'])
    await assertVerified(site)
  })

  test('P12: keeps to the filter it began with, for its past, after a restart with another one', async (t) => {
    const site = await begun(t, { devices: ['pump'] })
    const [started, first] = await readAll(site.cursor('south'))
    assert.ok(started && first)
    site.cursor('south').delivered([started, first])
    await site.durable(0)
    await site.abandon()
    const folder = dirname(site.file)
    const next = await Site.open(t, { uplinks: [all, only({ devices: ['meter'] }, 'head')], folder })
    next.outbox.append(next.records(1))
    assert.deepEqual(chain(await readAll(next.cursor('south'))), ['5 after 3', '7 after 5', '9 after 7', 10, 11, 12])
    await assertVerified(next)
  })

  test('replays of the past only what is of its devices', async (t) => {
    const site = await begun(t, { devices: ['pump'] })
    site.cursor('south').delivered(await readAll(site.cursor('south')))
    await site.outbox.operator.replay('south', { from: 1, through: 9 })
    assert.deepEqual(
      (await readAll(site.cursor('south'))).map(({ seq, again }) => [seq, again]),
      [1, 3, 5, 7, 9].map((seq) => [seq, 'replay']),
    )
  })
})

test('looking at records shows who waits for each, and the chain as it will be sent', async (t) => {
  const site = await Site.open(t, { uplinks: [all, only({ devices: ['pump'] })] })
  inTurn(site, 2)
  await site.durable(0)
  inTurn(site, 1)
  const inspection = new Inspection(site.storage, () => liveView(site.outbox))
  const { records } = await inspection.records({})
  assert.deepEqual(
    records.map(({ seq, waitsFor }) => [seq, waitsFor.join()]),
    [1, 2, 3, 4, 5, 6, 7].map((seq) => [seq, seq === 1 || seq % 2 === 1 ? 'north,south' : 'north']),
  )
  const south = await inspection.records({ uplink: 'south', after: 3 })
  assert.deepEqual(chain(south.records), ['5 after 3', '7 after 5'])
})

test('the oldest that waits is one that it wants', async (t) => {
  const clock = new SteppedClock()
  const site = await Site.open(t, { uplinks: [all, only({ devices: ['pump'] })], clock })
  site.cursor('south').delivered(await readAll(site.cursor('south')))
  await site.durable(3)
  clock.monoStep += 10_000
  assert.equal(site.outbox.oldestPendingAgeMs(site.cursor('south')), undefined)
  site.outbox.append(site.records(1, { source: 'pump' }))
  const age = () => site.outbox.oldestPendingAgeMs(site.cursor('south'))
  await until(() => age() !== undefined, { what: 'the rows it does not want to be passed' })
  assert.ok(Number(age()) < 9_000, `${age()} ms`)
  await site.durable(0)
  clock.monoStep += 10_000
  await until(() => Number(age()) >= 10_000, { what: 'the row that it wants to be found' })
})
