/** What is forgotten of the history, and what is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../src/inbox/command.ts'
import { LOOK_MAX } from '../../src/inbox/history.ts'
import { PRUNE_FROM_NEWEST, type PruneWalk, pruneOperation, settleOperation } from '../../src/inbox/operations.ts'
import { commandSettings, quiet, Site } from './site.ts'

const at = { boot: 'boot-1', mono: 100_000, wall: 1 }

function finished(arrival: number, state: Command['state'], key = 'k'): Command {
  const deadline = { arrived: at, mono: 1e9, holdMs: 1 }
  const ended = state === 'waiting' ? {} : { finished: at }
  const id = `c${arrival}`
  return { key, id, uplink: 'u', arrival, state, deadline, attempts: 0, crashes: 0, doubt: false, ...ended }
}

async function store(site: Site, commands: readonly Command[]): Promise<void> {
  await site.storage.transact([settleOperation(commands)])
}

/** Walks through the whole history; answers in how many jobs. */
async function prune(site: Site, limits: { keepRows: number; keepDone: number; slice: number }): Promise<number> {
  let jobs = 0
  for (let from: PruneWalk | null = PRUNE_FROM_NEWEST; from; jobs++) {
    const operation = pruneOperation(site.now(), { keepMs: 1e9, ...limits }, from)
    const answers: readonly [PruneWalk | null] = await site.storage.transact([operation])
    from = answers[0]
  }
  return jobs
}

const left = (site: Site) => site.disk.prepare('SELECT id FROM command ORDER BY arrival').pluck().all()

test('what was refused, superseded or expired goes first, over all keys; the others are counted by key', async () => {
  const site = await Site.open({ again: true })
  await store(site, [
    finished(1, 'applied'),
    finished(2, 'unknown'),
    finished(3, 'failed'),
    finished(4, 'cancelled', 'other'),
    finished(5, 'waiting'),
    finished(6, 'refused', 'noisy'),
    finished(7, 'superseded'),
    finished(8, 'expired', 'noisy'),
    { ...finished(9, 'superseded'), doubt: true },
  ])
  await prune(site, { keepRows: 2, keepDone: 3, slice: 1 })
  assert.deepEqual(left(site), ['c2', 'c3', 'c4', 'c5', 'c7', 'c8', 'c9'])
})

test('a flood of refusals of another key does not let a job that was done be done again', async () => {
  const site = await Site.open()
  const flood = Array.from({ length: 3 * LOOK_MAX }, (_, index) => finished(index + 2, 'refused', 'noisy'))
  await store(site, [finished(1, 'applied'), ...flood])
  const jobs = await prune(site, { keepRows: 100, keepDone: 10, slice: 500 })
  assert.equal(left(site).length, 101)
  assert.equal(left(site)[0], 'c1')
  assert.ok(jobs >= (3 * LOOK_MAX - 100) / 500, `${jobs} jobs, each removes few rows`)
})

test('many that end soon are not kept until the next hour', async () => {
  const site = await Site.open({ commands: [commandSettings()], keepHistoryMs: 1_000 })
  const deliver = (from: number) =>
    Promise.all(Array.from({ length: 2_000 }, (_, index) => site.deliver(`{"id":"x${from + index}","value":"no"}`)))
  await deliver(0)
  await site.clock.pass(1_000)
  assert.equal(left(site).length, 2_000)
  await deliver(2_000)
  await site.clock.pass(1_000)
  await quiet()
  assert.ok(left(site).length <= 2_000, `${left(site).length} are left`)
})
