/**
 * Writes and syncs that fail under the running agent (P1, P2, P5): it goes on from memory, says so, and confirms a command
 * only after a real sync that succeeded.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { faultSite } from '../support/fault-agent.ts'
import { type FaultShim, faultShim } from '../support/fault-shim.ts'

interface Fault {
  readonly rules: readonly string[]
  readonly code: RegExp
  readonly hint: RegExp
}

const faults: Readonly<Record<string, Fault>> = {
  'EIO on write': {
    rules: ['pwrite tidegate.db fail=EIO', 'ftruncate tidegate.db fail=EIO'],
    code: /^(SQLITE_IOERR|EIO)/,
    hint: /dmesg/,
  },
  'half a page written, then EIO': {
    rules: ['pwrite tidegate.db torn=EIO', 'ftruncate tidegate.db fail=EIO'],
    code: /^(SQLITE_IOERR|EIO)/,
    hint: /dmesg/,
  },
  'EIO on sync': { rules: ['sync tidegate.db fail=EIO'], code: /^(SQLITE_IOERR|EIO)/, hint: /dmesg/ },
  'every page written, then no room for the sync': {
    rules: ['sync tidegate.db fail=ENOSPC'],
    code: /^(SQLITE_|ENOSPC)/,
    hint: /./,
  },
}

describe('a state, not a crash; commands wait for a sync that succeeds', { concurrency: 2 }, () => {
  for (const [name, fault] of Object.entries(faults)) {
    test(name, async (t) => {
      const shim = faultShim(t)
      if (shim) await failAndRecover(t, shim, fault)
    })
  }
})

async function failAndRecover(t: TestContext, shim: FaultShim, fault: Fault): Promise<void> {
  const site = await faultSite(t, { env: shim.env })
  await site.start()
  await site.goesOn()
  shim.set(...fault.rules)
  site.command('c1', 5)
  const problem = await site.failing()
  assert.match(problem.code, fault.code)
  assert.match(problem.hint ?? '', fault.hint)
  const synced = syncs(shim)
  await site.withholds('c1', 5)
  const { content } = await site.event('storage_failing')
  assert.match(String(content['code']), fault.code)
  assert.ok(content['message'])
  if (fault.rules.every((rule) => rule.startsWith('sync'))) assert.equal(syncs(shim), synced, 'a sync succeeded')

  const before = syncs(shim)
  shim.clear()
  await site.applies(5)
  assert.ok(syncs(shim) > before, 'the command was confirmed without a sync that succeeded')
  await site.writesAgain()
  const recovered = await site.event('storage_recovered')
  assert.ok(Number(recovered.content['after_ms']) > 0)
  await site.goesOn()
  const { books } = await site.settle()
  assert.equal(books.eventsNamed('storage_failing').length, 1)
  assert.equal(books.eventsNamed('storage_recovered').length, 1)
}

/** Syncs of database and log that were made and succeeded. */
function syncs(shim: FaultShim): number {
  return shim.count('sync', '/tidegate.db').good + shim.count('sync', '/tidegate.db-wal').good
}

test('a sync that takes its time holds up nothing but the commit', async (t) => {
  const shim = faultShim(t)
  if (!shim) return
  const site = await faultSite(t, { env: shim.env })
  await site.start()
  await site.goesOn()
  shim.set('sync tidegate.db delay=3000')
  site.command('c1', 5)
  await site.goesOn()
  const late = site.isConfirmed()
  await site.applies(5)
  assert.equal(late, false, 'the command was confirmed before its sync ended')
  shim.clear()
  const { books } = await site.settle()
  assert.deepEqual(books.eventsNamed('storage_failing'), [])
})
