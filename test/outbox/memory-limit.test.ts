import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord, StoredRecord } from '../../src/model.ts'
import type { CommitArgs } from '../../src/outbox/operations.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import type { Operation } from '../../src/storage/operation.ts'
import { OutboxClock, turn } from '../support/outbox-clock.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'
import { HeldStorage, newOutboxDisk } from '../support/outbox-storage.ts'

const LIMIT = 100_000

/** An outbox whose disk answers only when the test lets it. */
describe('while the disk does not answer', () => {
  const disk = newOutboxDisk()
  let clock: OutboxClock
  let storage: HeldStorage
  let outbox: Outbox
  let made: number

  beforeEach(async () => {
    clock = new OutboxClock()
    storage = new HeldStorage(disk)
    for (const table of ['record', 'uplink', 'epoch', 'account', 'loss', 'boot']) disk.exec(`DELETE FROM ${table}`)
    made = 0
    outbox = await Outbox.open({
      storage,
      clock,
      log: silentLogger,
      commitIntervalMs: 1_000,
      start: {
        gateway: 'gw',
        boot: 'b',
        mono: clock.mono(),
        wall: clock.wall(),
        clockKnown: true,
        uplinks: [{ name: 'north', startAt: 'tail' }],
      },
    })
    await outbox.append([], { durable: true })
    storage.hold()
  })
  afterEach(() => clock.stop())

  function records(count: number, options: Partial<NewRecord> = {}): NewRecord[] {
    return Array.from({ length: count }, () => {
      made += 1
      return { kind: 'data', source: 'm', body: `"n":${made}`, mono: clock.mono(), ...options }
    })
  }

  function assertBooks(pending: number): void {
    const { account } = outbox.cursor('north')
    assert.equal(account.issued(outbox.head()) - account.settled, pending)
  }

  async function readAll(): Promise<StoredRecord[]> {
    const all: StoredRecord[] = []
    for (;;) {
      const page = await outbox.cursor('north').next(1_000)
      if (page.length === 0) return all
      all.push(...page)
    }
  }

  async function recover(): Promise<void> {
    storage.release()
    await outbox.append([], { durable: true })
    assert.equal(outbox.tailSize, 0)
    assert.deepEqual(brokenBooks(recount(disk)), [])
  }

  test('memory is bounded, the oldest readings go first, counted and in the ledger', async () => {
    outbox.append(records(LIMIT + 20_500))
    assert.ok(outbox.tailSize <= LIMIT)
    const { dropped } = outbox.cursor('north').account.totals()
    assert.equal(dropped, 21_000)
    assertBooks(LIMIT - 500 + 1)
    await recover()
    const [first, second] = await readAll()
    assert.equal(first?.seq, 1)
    assert.equal(second?.body, `"n":${dropped + 1}`)
    clock.advance(61_000)
    outbox.endLossEpisodes()
    const told = (await readAll()).find(({ body }) => body.includes('dropped'))
    assert.equal(JSON.parse(`{${told?.body}}`).count, dropped)
    assert.equal(JSON.parse(`{${told?.body}}`).reason, 'memory')
  })

  test('bytes count too', async () => {
    const body = `"x":"${'x'.repeat(10_000)}"`
    for (let i = 0; i < 50; i += 1) outbox.append(records(100, { body }))
    assert.ok(outbox.tailSize * 10_000 <= 32 * 1024 * 1024)
    assertBooks(1 + outbox.tailSize)
    await recover()
  })

  test('events outlive readings, but not without end', async () => {
    outbox.append(records(LIMIT / 2))
    outbox.append(records(LIMIT, { kind: 'event' }))
    assert.ok(outbox.tailSize <= LIMIT * 1.1)
    assert.equal(outbox.cursor('north').account.totals().dropped >= LIMIT / 2, true)
    outbox.append(records(LIMIT / 2, { kind: 'event' }))
    assert.ok(outbox.tailSize <= LIMIT * 1.1)
    assertBooks(1 + outbox.tailSize)
    await recover()
  })

  // Searching the whole tail for each append took over a minute here.
  test('what a commit has taken that does not succeed goes like the rest: the newest stay', {
    timeout: 60_000,
  }, async () => {
    const durable = outbox.append(records(LIMIT), { durable: true })
    for (let i = 0; i < 20_000; i += 1) outbox.append(records(1))
    assert.ok(outbox.tailSize <= LIMIT)
    const { dropped } = outbox.cursor('north').account.totals()
    assert.ok(dropped >= 20_000 && dropped <= 21_000, `${dropped} given up`)
    assertBooks(1 + LIMIT + 20_000 - dropped)
    storage.release()
    // The commit succeeds after all: its rows that were given up meanwhile do not stay, and are not counted twice.
    await durable
    await recover()
    assert.equal(outbox.cursor('north').account.totals().dropped, dropped)
    const [started, ...left] = await readAll()
    assert.equal(started?.seq, 1)
    assert.deepEqual([left[0]?.body, left.at(-1)?.body], [`"n":${dropped + 1}`, `"n":${LIMIT + 20_000}`])
    assert.equal(left.length, LIMIT + 20_000 - dropped)
    await outbox.append([], { durable: true })
    assert.equal(disk.prepare('SELECT count(*) FROM record').pluck().get(), left.length + 1)
  })

  test('events that a commit has taken outlive the readings it has taken', async () => {
    const durable = outbox.append([...records(1_000, { kind: 'event' }), ...records(LIMIT - 1_000)], { durable: true })
    for (let i = 0; i < 20; i += 1) outbox.append(records(1_000))
    storage.release()
    await durable
    await recover()
    const left = await readAll()
    assert.equal(left.filter(({ kind }) => kind === 'event').length, 1_001)
    assert.equal(left.at(-1)?.body, `"n":${LIMIT + 20_000}`)
  })

  test('an uplink goes on from memory, and what it took is never written', async () => {
    await storeFirst()
    outbox.append(records(500))
    outbox.cursor('north').delivered(await readAll())
    clock.advance(5_000)
    outbox.append(records(10))
    const more = await readAll()
    assert.equal(more.length, 10)
    assertBooks(10)
    await recover()
    assert.equal(outbox.writtenRecords, 11)
    assert.equal((await readAll()).length, 0)
  })

  test('an outcome is seen by nobody before it is durable; readings pass it after five seconds, and it follows', async () => {
    await storeFirst()
    const [outcome] = records(1, { kind: 'outcome', to: 'north' })
    assert.ok(outcome)
    void storage.transact([outbox.report(outcome)])
    outbox.append(records(2))
    assert.deepEqual(await readAll(), [])
    clock.advance(4_900)
    assert.deepEqual(await readAll(), [])
    clock.advance(200)
    outbox.append(records(1))
    const passing = await readAll()
    assert.deepEqual(
      passing.map(({ body }) => body),
      ['"n":2', '"n":3', '"n":4'],
    )
    outbox.cursor('north').delivered(passing)
    assertBooks(1)
    await recover()
    const following = await readAll()
    assert.deepEqual(
      following.map(({ body, kind, late }) => [body, kind, late]),
      [['"n":1', 'outcome', true]],
    )
    outbox.cursor('north').delivered(following)
    assertBooks(0)
    assert.deepEqual(outbox.cursor('north').ranges.toJSON(), [[0, outbox.head()]])
  })

  test('the row of an outcome that was passed over stays until it is delivered', async () => {
    await storeFirst()
    const [outcome] = records(1, { kind: 'outcome', to: 'north' })
    assert.ok(outcome)
    void storage.transact([outbox.report(outcome)])
    clock.advance(6_000)
    outbox.append(records(3))
    outbox.cursor('north').delivered(await readAll())
    await recover()
    const reading = outbox.cursor('north').next(10)
    // A commit while the row is being read must not remove it.
    await outbox.append(records(1), { durable: true })
    await outbox.append(records(1), { durable: true })
    outbox.cursor('north').rewind()
    await reading
    const [first] = await readAll()
    assert.equal(first?.kind, 'outcome')
  })

  async function storeFirst(): Promise<void> {
    storage.release()
    outbox.cursor('north').delivered(await readAll())
    await outbox.append([], { durable: true })
    storage.hold()
  }

  test('reading the table is tried again until it succeeds', async () => {
    storage.release()
    await outbox.append(records(3), { durable: true })
    storage.readError = new Error('SQLITE_IOERR')
    const reading = readAll()
    for (let tries = 0; tries < 3; tries += 1) {
      await turn()
      await turn()
      clock.advance(1_000)
    }
    storage.readError = undefined
    let read: StoredRecord[] | undefined
    void reading.then((all) => {
      read = all
    })
    for (let turns = 0; turns < 10 && !read; turns += 1) {
      await turn()
      clock.advance(1_000)
    }
    assert.equal(read?.length, 4)
  })

  test('jobs that wait with the disk hold no readings that memory gave up', () => {
    // What the storage keeps until it is confirmed; args are read when a job is sent.
    const waiting: Operation[] = []
    for (let i = 0; i < 5; i += 1) {
      outbox.append(records(LIMIT))
      waiting.push(outbox.report({ kind: 'outcome', source: 'pump', body: '"state":"applied"', mono: clock.mono() }))
    }
    const held = waiting.reduce((sum, { args }) => sum + ((args as CommitArgs).rows?.seqs.length ?? 0), 0)
    assert.ok(held <= LIMIT * 1.2, `${held} records in waiting jobs`)
    const [first] = waiting
    assert.ok(first)
    assert.equal((first.args as CommitArgs).rows?.kinds.at(-1), 2)
  })
})
