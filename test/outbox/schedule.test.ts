import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { CommitSchedule, STORED_ACKS_MAX } from '../../src/outbox/schedule.ts'
import { OutboxClock, turn } from '../support/outbox-clock.ts'

const INTERVAL_MS = 1_000

/** A schedule whose commits last until the test ends them, over a tail that is only the time of its oldest record. */
class Bench {
  readonly clock = new OutboxClock()
  readonly schedule: CommitSchedule
  commits = 0
  oldest: number | undefined
  #ends: (() => void)[] = []

  constructor(intervalMs = INTERVAL_MS) {
    this.schedule = new CommitSchedule({
      clock: this.clock,
      intervalMs,
      oldestWanted: () => this.oldest,
      commit: () => {
        this.commits += 1
        this.oldest = undefined
        return new Promise((resolve) => this.#ends.push(resolve))
      },
    })
  }

  append(): void {
    this.oldest ??= this.clock.mono()
    this.schedule.appended(this.clock.mono())
  }

  get running(): number {
    return this.#ends.length
  }

  async endCommit(): Promise<void> {
    this.#ends.shift()?.()
    await turn()
  }
}

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.clock.stop())

describe('a commit by age', () => {
  test('is due when the oldest record is as old as the interval, not before', () => {
    bench.append()
    bench.clock.advance(600)
    bench.append()
    bench.clock.advance(399)
    assert.equal(bench.commits, 0)
    bench.clock.advance(1)
    assert.equal(bench.commits, 1)
  })

  test('never comes when everybody acknowledged in time', async () => {
    for (let second = 0; second < 10; second += 1) {
      bench.append()
      bench.clock.advance(500)
      bench.oldest = undefined
      bench.clock.advance(500)
    }
    bench.clock.advance(5_000)
    assert.equal(bench.commits, 0)
  })

  test('is due for the oldest that is left, when older ones were acknowledged', () => {
    bench.append()
    bench.clock.advance(900)
    bench.oldest = bench.clock.mono()
    bench.schedule.appended(bench.clock.mono())
    bench.clock.advance(999)
    assert.equal(bench.commits, 0)
    bench.clock.advance(1)
    assert.equal(bench.commits, 1)
  })

  test('waits for the one under way and follows it at once when it is overdue by then', async () => {
    bench.append()
    bench.clock.advance(INTERVAL_MS)
    bench.append()
    bench.clock.advance(5_000)
    assert.equal(bench.commits, 1)
    await bench.endCommit()
    bench.clock.advance(1)
    assert.equal(bench.commits, 2)
    assert.equal(bench.running, 1)
  })

  test('is not hurried by the end of the one before', async () => {
    bench.append()
    bench.clock.advance(INTERVAL_MS)
    bench.append()
    bench.clock.advance(300)
    await bench.endCommit()
    bench.clock.advance(699)
    assert.equal(bench.commits, 1)
    bench.clock.advance(1)
    assert.equal(bench.commits, 2)
  })
})

describe('with an interval of nothing', () => {
  beforeEach(() => {
    bench.clock.stop()
    bench = new Bench(0)
  })

  test('each append is committed in the next turn', () => {
    bench.append()
    bench.clock.advance(1)
    assert.equal(bench.commits, 1)
  })

  test('what comes during a commit follows right behind it', async () => {
    bench.append()
    bench.clock.advance(1)
    bench.append()
    bench.append()
    bench.clock.advance(10)
    assert.equal(bench.commits, 1)
    await bench.endCommit()
    bench.clock.advance(1)
    assert.equal(bench.commits, 2)
    await bench.endCommit()
    bench.clock.advance(100)
    assert.equal(bench.commits, 2)
  })
})

describe('a commit that is asked for', () => {
  test('begins at once', () => {
    void bench.schedule.now()
    assert.equal(bench.commits, 1)
  })

  test('is one that begins after the question, for everybody who asks meanwhile', async () => {
    const done: string[] = []
    void bench.schedule.now().then(() => done.push('first'))
    void bench.schedule.now().then(() => done.push('second'))
    void bench.schedule.now().then(() => done.push('third'))
    assert.equal(bench.commits, 1)
    await bench.endCommit()
    assert.deepEqual(done, ['first'])
    assert.equal(bench.commits, 2)
    await bench.endCommit()
    assert.deepEqual(done, ['first', 'second', 'third'])
    assert.equal(bench.commits, 2)
  })

  test('never runs beside another one, not even when asked for in the moment that one ends', async () => {
    const first = bench.schedule.now()
    void bench.schedule.now()
    const chain = first.then(() => bench.schedule.now())
    await bench.endCommit()
    assert.equal(bench.running, 1)
    await bench.endCommit()
    await bench.endCommit()
    await chain
    assert.equal(bench.running, 0)
  })
})

describe('acknowledgements of stored rows', () => {
  test('are stored after the interval', () => {
    bench.schedule.storedAck()
    bench.clock.advance(500)
    bench.schedule.storedAck()
    bench.clock.advance(499)
    assert.equal(bench.commits, 0)
    bench.clock.advance(1)
    assert.equal(bench.commits, 1)
  })

  test(`are stored at once when there are ${STORED_ACKS_MAX}`, () => {
    bench.schedule.storedAck(STORED_ACKS_MAX - 1)
    bench.clock.advance(1)
    assert.equal(bench.commits, 0)
    bench.schedule.storedAck()
    bench.clock.advance(1)
    assert.equal(bench.commits, 1)
  })

  test('that come in during a commit make the next one due', async () => {
    void bench.schedule.now()
    bench.schedule.storedAck(STORED_ACKS_MAX)
    bench.clock.advance(10)
    assert.equal(bench.commits, 1)
    await bench.endCommit()
    bench.clock.advance(1)
    assert.equal(bench.commits, 2)
    await bench.endCommit()
    bench.clock.advance(5_000)
    assert.equal(bench.commits, 2)
  })
})

test('after the stop nothing becomes due by itself', async () => {
  bench.append()
  bench.schedule.stop()
  bench.append()
  bench.schedule.storedAck(STORED_ACKS_MAX)
  bench.clock.advance(10_000)
  assert.equal(bench.commits, 0)
})
