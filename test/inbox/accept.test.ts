import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandSettings, quiet, Site } from './site.ts'

/** Has a promise been kept by now? */
async function isKept(promise: Promise<unknown>): Promise<boolean> {
  let kept = false
  void promise.then(() => {
    kept = true
  })
  await quiet()
  return kept
}

test('nothing is confirmed before it is durable', async () => {
  const site = await Site.open()
  site.storage.hold()
  const known = site.deliver('{"id":"a","value":1}')
  const refused = site.deliver('{"id":"b","value":"x"}')
  const stranger = site.deliver('1', { key: 'nobody' })
  for (const confirmation of [known, refused, stranger]) assert.equal(await isKept(confirmation), false)
  site.storage.release()
  for (const confirmation of [known, refused, stranger]) assert.equal(await isKept(confirmation), true)
})

test('a command that was never committed is gone after a crash, and runs once when it is sent again', async () => {
  const site = await Site.open()
  site.storage.hold()
  const first = site.deliver('{"id":"a","value":1}')
  await quiet()
  await site.restart()
  assert.equal(await isKept(first), false)
  await site.deliver('{"id":"a","value":1}')
  await site.bringOnline()
  assert.equal(site.devices.writes.length, 1)
  assert.deepEqual(
    site.outcomes().map((outcome) => outcome.state),
    ['applied'],
  )
})

test('a command that was committed and not confirmed is one command when it is sent again', async () => {
  const site = await Site.open()
  site.storage.hold()
  const redelivery = '7 0a1b'
  void site.deliver('5', { redelivery, duplicate: false })
  await quiet()
  await site.restart({ afterCommit: true })
  await site.deliver('5', { redelivery, duplicate: true })
  await site.bringOnline()
  assert.equal(site.devices.writes.length, 1)
  assert.equal(site.outcomes().length, 1)
  assert.match(site.outcomes()[0]?.id ?? '', /^auto-[0-9a-f]{16}$/)
})

test('an equal message is a new command when the cloud does not say that it was sent before', async () => {
  const site = await Site.open()
  await site.bringOnline()
  for (let sent = 0; sent < 2; sent++) {
    await site.deliver('5', { redelivery: '7 0a1b', duplicate: false })
    await quiet()
  }
  assert.equal(site.devices.writes.length, 2)
})

test('a fingerprint of another uplink, or of more than a day ago, is not the same message', async () => {
  const site = await Site.open({ commands: [commandSettings({ expiresAfterMs: 3 * 86_400_000 })] })
  await site.deliver('5', { redelivery: 'r' })
  await site.deliver('5', { redelivery: 'r', duplicate: true, uplink: 'other' })
  assert.equal(site.outcomes().length, 1, 'the first was superseded')
  await site.deliver('5', { redelivery: 'r', duplicate: true })
  assert.equal(site.outcomes().length, 1)
  await site.clock.pass(25 * 3_600_000)
  await site.deliver('5', { redelivery: 'r', duplicate: true })
  assert.equal(site.outcomes().length, 2)
})

test('a repeated id is answered with the stored outcome, also after a restart, and runs once', async () => {
  const site = await Site.open()
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  await site.restart()
  await site.deliver('{"id":"a","value":1}', { uplink: 'other' })
  await quiet()
  assert.equal(site.devices.writes.length, 1)
  const applied = { id: 'a', key: 'setpoint', state: 'applied', value: 1 }
  assert.deepEqual(site.outcomes(), [applied, applied])
  const targets = site.disk.prepare('SELECT target FROM outcome ORDER BY seq').pluck().all()
  assert.deepEqual(targets, ['cloud', 'other'])
  assert.equal(site.inbox.status().duplicates, 1)
})

test('a repeat of a waiting command is confirmed and not answered yet', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"a","value":1}')
  await site.deliver('{"id":"a","value":1}')
  assert.equal(site.outcomes().length, 0)
  assert.equal(site.inbox.waiting().length, 1)
})

test('what cannot be applied is refused with the value, the allowed one and the id', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"a","value":"55"}')
  await site.deliver('{"id":"b","value":1,"version":"x"}')
  await site.deliver('{"id":"c","value":4000000000}')
  assert.deepEqual(site.outcomes(), [
    {
      id: 'a',
      key: 'setpoint',
      state: 'refused',
      value: '55',
      reason: 'value is "55", wanted a number for a point of type int32',
    },
    { id: 'b', key: 'setpoint', state: 'refused', reason: 'version is "x", wanted an integer of at most 2^53 - 1' },
    {
      id: 'c',
      key: 'setpoint',
      state: 'refused',
      value: 4000000000,
      reason: 'value is 4000000000, wanted -2147483648 to 2147483647',
    },
  ])
})

test('a command nobody configured is refused under a topic that cannot be abused', async () => {
  const site = await Site.open()
  for (const key of ['pump', '', 'a/b', '+', '#', '$x', 'a\u0000', '\ud800'])
    await site.deliver('{"id":"i","value":1}', { key })
  const sources = site.disk.prepare('SELECT source FROM outcome ORDER BY seq').pluck().all()
  assert.deepEqual(sources, ['pump', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown'])
  assert.deepEqual(site.outcomes()[0], {
    id: 'i',
    key: 'pump',
    state: 'refused',
    reason: 'no command with this key is configured',
  })
  assert.equal(site.outcomes()[1]?.reason, 'the message names no command key')
  assert.equal(site.disk.prepare('SELECT count(*) FROM command').pluck().get(), 0, 'strangers take no room')
})

test('a retained command is confirmed and ignored, unless the command accepts it', async () => {
  const commands = [commandSettings(), commandSettings({ key: 'kept', acceptRetained: true })]
  const site = await Site.open({ commands })
  await site.deliver('1', { retained: true })
  await site.deliver('1', { retained: true, key: 'nobody' })
  await site.deliver('{"value":2,"version":1}', { retained: true, key: 'kept' })
  assert.deepEqual(
    site.inbox.waiting().map((command) => command.key),
    ['kept'],
  )
  assert.deepEqual(site.outcomes(), [])
  assert.equal(site.inbox.status().retainedIgnored, 2)
})

test('a retained command that comes again with every subscription is never newer than what came between', async () => {
  const site = await Site.open({ commands: [commandSettings({ acceptRetained: true })] })
  await site.bringOnline()
  const kept = '{"id":"a","value":1,"version":1}'
  const retained = { retained: true }
  await site.deliver(kept, retained)
  await quiet()
  await site.deliver('{"id":"b","value":2}')
  await quiet()
  await site.clock.pass(8 * 86_400_000)
  assert.deepEqual(site.disk.prepare('SELECT id FROM command').all(), [], 'no id is known any more')
  await site.deliver(kept, retained)
  await site.deliver('{"value":1,"version":1}', retained)
  await quiet()
  assert.deepEqual(
    site.devices.writes.map(({ value }) => value),
    [1, 2],
  )
})

test('what cannot be told from a new command with the next subscription is refused when it is retained', async () => {
  const jobs = commandSettings({ key: 'jobs', mode: 'queue', repeatable: false, acceptRetained: true })
  const site = await Site.open({ commands: [commandSettings({ acceptRetained: true }), jobs] })
  await site.deliver('1', { retained: true })
  await site.deliver('{"id":"a","value":1}', { retained: true })
  await site.deliver('{"id":"j","value":1,"version":1}', { retained: true, key: 'jobs' })
  const lacking = 'refused: a retained message without version or issued_at'
  assert.deepEqual(
    site.outcomes().map(({ state, reason }) => `${state}: ${reason}`),
    [lacking, lacking, 'refused: a retained message, which a queue does not take: it would be done again'],
  )
})

test('a queue needs ids', async () => {
  const site = await Site.open({ commands: [commandSettings({ mode: 'queue', repeatable: false })] })
  await site.deliver('5')
  assert.deepEqual(
    site.outcomes().map(({ state, reason }) => `${state}: ${reason}`),
    ['refused: an id is missing'],
  )
})

test('a delivery is confirmed late, not lost, when the storage cannot be read for a while', async () => {
  const site = await Site.open()
  site.storage.readError = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' })
  const confirmation = site.deliver('{"id":"a","value":1}')
  assert.equal(await isKept(confirmation), false)
  site.storage.readError = undefined
  await site.clock.pass(1_000)
  assert.equal(await isKept(confirmation), true)
})

test('a waiting command can be cancelled by hand, an unknown one cannot', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"a","value":1}')
  assert.equal(await site.inbox.cancel('a'), 'cancelled')
  assert.equal(await site.inbox.cancel('a'), 'unknown_id')
  await site.bringOnline()
  assert.equal(site.devices.attempts, 0)
  assert.deepEqual(
    site.outcomes().map(({ state, reason }) => `${state} ${reason}`),
    ['cancelled by hand'],
  )
})

test('the history is bounded by age, and commands under way are never pruned', async () => {
  const site = await Site.open({
    keepHistoryMs: 1_000,
    commands: [commandSettings({ expiresAfterMs: 10 * 3_600_000 })],
  })
  await site.deliver('{"id":"a","value":1}')
  await site.deliver('{"id":"b","value":2}')
  await site.clock.pass(2 * 3_600_000)
  assert.deepEqual(site.disk.prepare('SELECT id FROM command').pluck().all(), ['b'])
})
