/** Limits `max_size`, `min_free_disk`, `keep_delivered` and `when_full`, on real pages. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KeeperOptions } from '../../src/outbox/keeper.ts'
import { HOUR, LimitSite, MIB } from '../support/outbox-limits.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'

describe('max_size', () => {
  test('readings go first while events and outcomes have no more than their share', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(1_000, { kind: 'event' })
    await site.fill(19_000)
    await site.keeper({ maxSizeBytes: 16 * MIB }).check()
    assert.ok(site.diskUse().usedBytes <= 16 * MIB)
    assert.ok(site.diskUse().usedBytes > 15 * MIB, 'far too much was given up')
    assert.equal(site.count('kind > 0'), 1_001)
    assert.deepEqual(site.losses(), [['max_size', site.dropped()]])
  })

  test('beyond their share of 10 % the oldest of all go, events and outcomes too', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(2_000, { kind: 'event' })
    await site.fill(8_000)
    await site.fill(4_000, { kind: 'outcome' })
    await site.fill(3_000)
    await site.keeper({ maxSizeBytes: 16 * MIB }).check()
    assert.ok(site.diskUse().usedBytes <= 16 * MIB)
    const [oldest = 0] = site.rows()
    assert.equal(site.count(), site.outbox.head() - oldest + 1, 'nothing but the oldest went')
    assert.equal(site.count('kind = 1'), 0)
    assert.equal(site.count('kind = 2'), 4_000)
    assert.ok(site.count('kind = 0') < 9_000)
  })

  test('when no readings are left, events and outcomes within their share go too', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(3_000)
    await site.fill(1_200, { kind: 'event' })
    // Everything that is not a record counts as well, so the limit can be reached without readings.
    const diskUse = () => ({ ...site.diskUse(), usedBytes: site.diskUse().usedBytes + 12 * MIB })
    const maxSizeBytes = diskUse().usedBytes - 3.6 * MIB
    await site.keeper({ maxSizeBytes, diskUse }).check()
    assert.ok(diskUse().usedBytes <= maxSizeBytes)
    assert.equal(site.count('kind = 0'), 0)
    const left = site.count('kind > 0')
    assert.ok(left > 0 && left < 1_000, `${left} events are left`)
  })

  test('not every commit brings another one: more goes than has to', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(15_000)
    const keeper = site.keeper({ maxSizeBytes: 16 * MIB })
    await keeper.check()
    const dropped = site.dropped()
    await site.fill(100)
    await keeper.check()
    assert.equal(site.dropped(), dropped)
  })

  test('a commit beyond the limit is noticed at once', async (t) => {
    const site = await LimitSite.open(t)
    const keeper = site.keeper({ maxSizeBytes: 16 * MIB })
    keeper.start()
    t.after(() => keeper.stop())
    await site.fill(20_000)
    await keeper.check()
    assert.ok(site.diskUse().usedBytes <= 16 * MIB)
    assert.deepEqual(brokenBooks(recount(site.disk)), [])
  })
})

describe('min_free_disk', () => {
  test('below it the file does not grow: new readings take the place of the oldest', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(20_000)
    const { fileBytes } = site.diskUse()
    site.freeBytes = 90 * MIB
    const keeper = site.keeper({ maxSizeBytes: 100 * MIB, minFreeDiskBytes: 100 * MIB })
    await keeper.check()
    assert.equal(site.dropped(), 0, 'somebody else filled the disk')
    for (let round = 0; round < 8; round += 1) {
      await site.fill(1_000)
      await keeper.check()
    }
    assert.ok(site.diskUse().fileBytes <= fileBytes + 8 * MIB, 'the log and one commit')
    assert.deepEqual(site.losses(), [['min_free_disk', site.dropped()]])
    assert.ok(site.dropped() > 3_000)
    assert.deepEqual(
      site.lines.map(({ message }) => message),
      ['the disk has less free than min_free_disk, the outbox does not grow', 'records were dropped'],
    )
  })

  test('room in the file is filled all the same', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(24_000)
    await site.deliverAll()
    await site.outbox.append([], { durable: true })
    await site.outbox.append([], { durable: true })
    assert.ok(site.count() < 10)
    site.freeBytes = 1 * MIB
    const keeper = site.keeper({ maxSizeBytes: 100 * MIB, minFreeDiskBytes: 100 * MIB })
    await keeper.check()
    await site.fill(15_000)
    await keeper.check()
    assert.equal(site.dropped(), 0)
  })

  test('when the disk has room again the outbox grows on', async (t) => {
    const site = await LimitSite.open(t)
    await site.fill(20_000)
    site.freeBytes = 90 * MIB
    const keeper = site.keeper({ maxSizeBytes: 100 * MIB, minFreeDiskBytes: 100 * MIB })
    await keeper.check()
    assert.equal(keeper.isDiskShort, true)
    site.freeBytes = 200 * MIB
    await site.fill(20_000)
    await keeper.check()
    assert.equal(keeper.isDiskShort, false)
    assert.equal(site.dropped(), 0)
  })
})

describe('keep_delivered', () => {
  const keeps = { keepsDelivered: true }

  test('what every uplink has stays until it is old enough, and goes without a loss', async (t) => {
    const site = await LimitSite.open(t, keeps)
    await site.durable(10)
    await site.deliverAll()
    const keeper = site.keeper({ keepDeliveredMs: HOUR })
    await keeper.check()
    assert.equal(site.count(), 11)
    site.clock.monoStep += HOUR / 2
    await site.durable(5)
    await site.deliverAll()
    site.clock.monoStep += HOUR / 2 + 1
    await keeper.check()
    await site.outbox.append([], { durable: true })
    assert.deepEqual(site.rows(), [12, 13, 14, 15, 16])
    assert.equal(site.dropped(), 0)
  })

  test('what waits for an uplink is not let go with it', async (t) => {
    const site = await LimitSite.open(t, keeps)
    await site.durable(10)
    site.clock.monoStep += 2 * HOUR
    await site.keeper({ keepDeliveredMs: HOUR }).check()
    await site.outbox.append([], { durable: true })
    assert.equal(site.count(), 11)
    assert.equal(site.pending(), 11)
  })

  test('over max_size it goes first, and nothing is booked as lost', async (t) => {
    const site = await LimitSite.open(t, keeps)
    await site.fill(10_000)
    await site.deliverAll()
    await site.fill(5_000)
    const keeper = site.keeper({ keepDeliveredMs: 100 * HOUR, maxSizeBytes: 16 * MIB })
    await keeper.check()
    assert.ok(site.diskUse().usedBytes <= 16 * MIB)
    assert.equal(site.dropped(), 0)
    assert.equal(site.pending(), 5_000)
    assert.ok(site.count() > 9_000, 'far too much was let go')
    await site.fill(10_000)
    await keeper.check()
    assert.ok(site.dropped() > 0, 'when nothing is left of it, readings go')
    assert.equal(site.count(), site.pending())
  })
})

describe('when_full: pause_polling', () => {
  function pausing(site: LimitSite, limits: Partial<KeeperOptions> = {}) {
    const keeper = site.keeper({ whenFull: 'pause_polling', maxSizeBytes: 20 * MIB, ...limits })
    const said: boolean[] = []
    assert.ok(keeper.pause)
    keeper.pause.onFull = (full) => said.push(full)
    return { keeper, said }
  }

  const events = (site: LimitSite) =>
    (
      site.disk.prepare("SELECT body FROM record WHERE kind = 1 AND body LIKE '%polling%'").pluck().all() as string[]
    ).map((body) => JSON.parse(`{${body}}`))

  test('polling pauses before max_size is reached, and nothing is given up', async (t) => {
    const site = await LimitSite.open(t)
    const { keeper, said } = pausing(site)
    await site.fill(12_000)
    await keeper.check()
    assert.deepEqual(said, [])
    await site.fill(3_500)
    await keeper.check()
    assert.deepEqual(said, [true])
    assert.equal(keeper.pause?.isFull, true)
    assert.equal(site.dropped(), 0)
    assert.ok(site.diskUse().usedBytes < 20 * MIB)
    await site.outbox.append([], { durable: true })
    const [event] = events(site)
    assert.deepEqual([event.event, event.reason, event.limit], ['polling_paused', 'max_size', 20 * MIB])
  })

  test('it goes on when there is room again, not at the first free page', async (t) => {
    const site = await LimitSite.open(t)
    const { keeper, said } = pausing(site)
    await site.fill(15_500)
    await keeper.check()
    const records = await site.readAll()
    const cursor = site.outbox.cursor('north')
    cursor.delivered(records.slice(0, 500))
    await site.outbox.append([], { durable: true })
    await site.outbox.append([], { durable: true })
    await keeper.check()
    assert.deepEqual(said, [true])
    site.clock.monoStep += HOUR
    cursor.delivered(records.slice(500, 3_000))
    await site.outbox.append([], { durable: true })
    await site.outbox.append([], { durable: true })
    await keeper.check()
    assert.deepEqual(said, [true, false])
    await site.outbox.append([], { durable: true })
    const last = events(site).at(-1)
    assert.equal(last.event, 'polling_resumed')
    assert.ok(last.paused_ms >= HOUR)
  })

  test('max_age still applies, and makes room', async (t) => {
    const site = await LimitSite.open(t)
    const { keeper, said } = pausing(site, { maxAgeMs: HOUR })
    await site.fill(15_500)
    await keeper.check()
    site.clock.monoStep += 2 * HOUR
    await keeper.check()
    assert.deepEqual(said, [true, false])
    assert.deepEqual(site.losses(), [['max_age', 15_502]])
  })

  test('what is kept for replay goes before polling pauses', async (t) => {
    const site = await LimitSite.open(t, { keepsDelivered: true })
    const { keeper, said } = pausing(site, { keepDeliveredMs: 100 * HOUR })
    await site.fill(10_000)
    await site.deliverAll()
    await site.fill(5_500)
    await keeper.check()
    assert.deepEqual(said, [])
    assert.equal(site.dropped(), 0)
    assert.equal(site.pending(), 5_500)
  })

  test('the limit holds also when events and outcomes come on', async (t) => {
    const site = await LimitSite.open(t)
    const { keeper } = pausing(site)
    await site.fill(15_500)
    await keeper.check()
    await site.fill(2_000, { kind: 'outcome' })
    await keeper.check()
    assert.ok(site.diskUse().usedBytes <= 20 * MIB)
    assert.equal(site.count('kind = 2'), 2_000)
  })

  test('a disk that is short pauses it as well', async (t) => {
    const site = await LimitSite.open(t)
    const { keeper, said } = pausing(site, { maxSizeBytes: 200 * MIB, minFreeDiskBytes: 100 * MIB })
    await site.fill(20_000)
    site.freeBytes = 10 * MIB
    await keeper.check()
    assert.deepEqual(said, [true])
    assert.equal(site.dropped(), 0)
  })
})
