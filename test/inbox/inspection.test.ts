/** What is asked about commands, on a real database. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Command } from '../../src/inbox/command.ts'
import { LOOK_MAX } from '../../src/inbox/history.ts'
import { historyOperations } from '../../src/inbox/history-sql.ts'
import { InboxInspection } from '../../src/inbox/inspection.ts'
import type { ClockFacts } from '../../src/inbox/listed.ts'
import { settleOperation } from '../../src/inbox/operations.ts'
import { inboxOperations, inboxSchema } from '../../src/inbox/sql.ts'
import type { CommandState } from '../../src/model.ts'
import { newDisk, TestStorage } from '../support/storage.ts'

const HOUR = 3_600_000
/** This boot began at this time. */
const BEGAN = 1_760_000_000_000
const now = { boot: 'b2', mono: 10 * HOUR, wall: BEGAN + 10 * HOUR, clockKnown: true }
/** The boot before began a day earlier, and nobody knew what time it was. */
const facts: ClockFacts = { now, bootOffset: (boot) => (boot === 'b1' ? BEGAN - 24 * HOUR : undefined) }

/** Came `at` ms after the begin of its boot. */
function commandOf(arrival: number, changes: Partial<Command> & { readonly at?: number; readonly boot?: string } = {}) {
  const { at = arrival, boot = 'b2', ...rest } = changes
  const wall = boot === 'b2' ? { wall: BEGAN + at } : {}
  return {
    key: 'setpoint',
    id: `c-${arrival}`,
    uplink: 'cloud',
    arrival,
    value: arrival,
    state: 'applied',
    deadline: { arrived: { boot, mono: at, ...wall }, mono: at + HOUR, holdMs: HOUR },
    attempts: 1,
    crashes: 0,
    doubt: false,
    finished: { boot, mono: at + 250, ...(boot === 'b2' ? { wall: BEGAN + at + 250 } : {}) },
    ...rest,
  } satisfies Command
}

async function rig(commands: readonly Command[], given = facts) {
  const storage = new TestStorage(newDisk(inboxSchema), { ...inboxOperations, ...historyOperations })
  await storage.transact([settleOperation(commands, { key: 'setpoint', version: 7, id: 'c-7' })])
  const inspection = new InboxInspection(storage, () => given)
  const ids = async (choice: Parameters<InboxInspection['page']>[0]) =>
    (await inspection.page(choice)).commands.map(({ id }) => id)
  return { inspection, ids }
}

describe('a page of commands', () => {
  test('has the newest first, chosen by key and state, and says where the next one begins', async () => {
    const states: readonly CommandState[] = ['applied', 'superseded', 'expired']
    const commands = Array.from({ length: 30 }, (_, index) => {
      const state = states[index % 3] ?? 'applied'
      return commandOf(index + 1, { state, key: index % 2 === 0 ? 'setpoint' : 'pump' })
    })
    const { inspection, ids } = await rig(commands)
    assert.deepEqual(await ids({ limit: 3 }), ['c-30', 'c-29', 'c-28'])
    assert.equal((await inspection.page({ limit: 3 })).next, 28)
    assert.deepEqual(await ids({ limit: 3, before: 28 }), ['c-27', 'c-26', 'c-25'])
    assert.deepEqual(await ids({ key: 'pump', states: ['superseded'], limit: 9 }), [
      'c-26',
      'c-20',
      'c-14',
      'c-8',
      'c-2',
    ])
    assert.deepEqual(await ids({ key: 'setpoint', states: ['superseded', 'expired'], limit: 2 }), ['c-29', 'c-27'])
    assert.deepEqual(await ids({ key: 'nobody' }), [])
    const last = await inspection.page({ before: 4, limit: 3 })
    assert.deepEqual([last.commands.length, last.next], [3, undefined])
  })

  test('looks through a long history in slices, and misses nothing', async () => {
    const rare = [1, LOOK_MAX, LOOK_MAX + 1, LOOK_MAX * 2 + 5]
    const commands = Array.from({ length: LOOK_MAX * 2 + 10 }, (_, index) =>
      commandOf(index + 1, rare.includes(index + 1) ? { state: 'failed' } : {}),
    )
    const { inspection, ids } = await rig(commands)
    assert.deepEqual(
      await ids({ states: ['failed'] }),
      rare.toReversed().map((arrival) => `c-${arrival}`),
    )
    assert.deepEqual(await inspection.keys(), [
      { key: 'setpoint', states: { applied: commands.length - 4, failed: 4 }, highest: { version: 7, id: 'c-7' } },
    ])
    const pages: number[] = []
    for (let before: number | undefined = Number.MAX_SAFE_INTEGER; before !== undefined; ) {
      const page: Awaited<ReturnType<InboxInspection['page']>> = await inspection.page({ before })
      pages.push(...page.commands.map(({ arrival }) => arrival))
      before = page.next
    }
    assert.deepEqual(pages, commands.map(({ arrival }) => arrival).toReversed())
  })

  test('since: by the clock of the boot it came in, and what came at an unknown time counts as recent', async () => {
    const commands = [
      commandOf(1, { boot: 'b0', at: 5 }),
      // At hour 20 of the day before: 14 hours ago.
      commandOf(2, { boot: 'b1', at: 20 * HOUR }),
      commandOf(3, { at: HOUR }),
      commandOf(4, { at: 9.5 * HOUR }),
    ]
    const { ids } = await rig(commands)
    assert.deepEqual(await ids({ since: { ageMs: HOUR } }), ['c-4', 'c-1'])
    assert.deepEqual(await ids({ since: { ageMs: 9 * HOUR } }), ['c-4', 'c-3', 'c-1'])
    assert.deepEqual(await ids({ since: { ts: BEGAN - 5 * HOUR } }), ['c-4', 'c-3', 'c-2', 'c-1'])
    assert.deepEqual(await ids({ since: { ts: BEGAN - 3 * HOUR } }), ['c-4', 'c-3', 'c-1'])
    const unsynced = await rig(commands, { ...facts, now: { ...now, wall: 5, clockKnown: false } })
    assert.deepEqual(await unsynced.ids({ since: { ageMs: HOUR } }), ['c-4', 'c-2', 'c-1'])
  })
})

describe('one command', () => {
  test('is found by its id in all keys, or in one', async () => {
    const { inspection } = await rig([
      commandOf(1, { id: 'same', key: 'a' }),
      commandOf(2, { id: 'same', key: 'z' }),
      commandOf(3, { id: 'other', key: 'm' }),
    ])
    const keysOf = async (id: string, key?: string) => (await inspection.find(id, key)).map((one) => one.key)
    assert.deepEqual(await keysOf('same'), ['a', 'z'])
    assert.deepEqual(await keysOf('same', 'z'), ['z'])
    assert.deepEqual(await keysOf('other', 'z'), [])
    assert.deepEqual(await keysOf('nobody'), [])
  })

  test('tells when it came and ended, what it waits for at most, and keeps every digit', async () => {
    const waiting = commandOf(2, { at: 9.5 * HOUR, state: 'waiting', value: 2n ** 63n - 1n })
    const { finished: _, ...unfinished } = waiting
    const { inspection } = await rig([
      commandOf(1, { boot: 'b0', readBack: 55.6, reason: 'why', supersededBy: 'c-9', version: 3 }),
      unfinished,
    ])
    assert.deepEqual(await inspection.find('c-1'), [
      {
        key: 'setpoint',
        id: 'c-1',
        arrival: 1,
        uplink: 'cloud',
        state: 'applied',
        value: '1',
        version: 3,
        attempts: 1,
        crashes: 0,
        doubt: false,
        readBack: '55.6',
        reason: 'why',
        supersededBy: 'c-9',
        tookMs: 250,
      },
    ])
    const [command] = await inspection.live(5)
    assert.deepEqual(
      [command?.value, command?.ts, command?.ageMs, command?.expiresInMs, command?.finishedTs],
      ['9223372036854775807', BEGAN + 9.5 * HOUR, HOUR / 2, HOUR / 2, undefined],
    )
  })
})
