import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../src/log.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import type { Operation, Storage } from '../../src/storage/operation.ts'
import { OutboxClock, turn } from '../support/outbox-clock.ts'
import { readAll } from '../support/outbox-site.ts'
import { HeldStorage, newOutboxDisk } from '../support/outbox-storage.ts'

/** A disk that can be read; what is written waits for `go`. */
class ReadableStorage implements Storage {
  readonly #held = new HeldStorage(newOutboxDisk())
  readonly #waiting: (() => void)[] = []

  async transact<const Ops extends readonly Operation[]>(operations: Ops) {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#held.transact(operations)
  }

  read<Result>(question: Operation<Result>): Promise<Result> {
    return this.#held.read(question)
  }

  go(): void {
    for (const go of this.#waiting.splice(0)) go()
  }
}

async function open(clock: OutboxClock): Promise<{ outbox: Outbox; storage: ReadableStorage }> {
  const storage = new ReadableStorage()
  const start = {
    gateway: 'gw',
    boot: 'b',
    mono: clock.mono(),
    wall: clock.wall(),
    clockKnown: true,
    uplinks: [{ name: 'north', startAt: 'tail' as const }],
  }
  const outbox = await Outbox.open({ storage, clock, log: silentLogger, commitIntervalMs: 1_000, start })
  return { outbox, storage }
}

test('P5: readings are taken before the disk has taken the start, and nothing is sent until it has', async (t) => {
  const clock = new OutboxClock()
  t.after(() => clock.stop())
  const { outbox, storage } = await open(clock)
  outbox.append([{ kind: 'data', source: 'm', body: '"n":1', mono: clock.mono() }])
  assert.equal(outbox.head(), 2)
  clock.advance(4_000)
  await turn()
  assert.deepEqual(await readAll(outbox.cursor('north')), [])
  let woken = 0
  outbox.cursor('north').onAppend = () => {
    woken += 1
  }
  storage.go()
  await outbox.begun
  assert.equal(woken, 1)
  assert.equal((await readAll(outbox.cursor('north'))).length, 2)
})

test('P5: a disk that takes nothing for seconds does not keep readings from the cloud', async (t) => {
  const clock = new OutboxClock()
  t.after(() => clock.stop())
  const { outbox } = await open(clock)
  outbox.append([{ kind: 'data', source: 'm', body: '"n":1', mono: clock.mono() }])
  clock.advance(6_000)
  await outbox.begun
  const records = await readAll(outbox.cursor('north'))
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ['event', 'data'],
  )
  outbox.cursor('north').delivered(records)
  const { account } = outbox.cursor('north')
  assert.equal(account.issued(outbox.head()) - account.settled, 0)
})
