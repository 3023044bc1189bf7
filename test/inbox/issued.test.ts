/** The time at which the sender issued a command: it orders commands, and they expire by it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandSettings, quiet, Site } from './site.ts'

const LIFE_MS = 3_600_000
const told = (site: Site) =>
  site.outcomes().map(({ id, state, reason }) => (reason ? `${id} ${state}: ${reason}` : `${id} ${state}`))

async function send(site: Site, id: string, issuedAt: number, more: object = {}): Promise<void> {
  await site.deliver(JSON.stringify({ id, value: 1, issued_at: issuedAt, ...more }))
  await quiet()
}

test('what was issued later is newer, whatever comes first', async () => {
  const site = await Site.open()
  const now = site.clock.wall()
  await send(site, 'a', now - 2_000)
  await send(site, 'c', now)
  await send(site, 'b', now - 1_000)
  await site.restart()
  await send(site, 'd', now - 500)
  assert.deepEqual(
    site.outcomes().map(({ id, state, superseded_by }) => `${id} ${state} by ${superseded_by}`),
    ['a superseded by c', 'b superseded by c', 'd superseded by c'],
  )
})

test('a version counts before the time of issue', async () => {
  const site = await Site.open()
  const now = site.clock.wall()
  await send(site, 'a', now, { version: 1 })
  await send(site, 'b', now - 5_000, { version: 2 })
  assert.equal(site.inbox.waiting()[0]?.id, 'b')
})

test('it lives from then on', async () => {
  const site = await Site.open()
  const now = site.clock.wall()
  await send(site, 'a', now - LIFE_MS + 60_000)
  assert.equal(site.inbox.waiting()[0]?.expiresInMs, 60_000)
  await send(site, 'b', now - LIFE_MS - 1)
  await site.clock.pass(61_000)
  await send(site, 'c', site.clock.wall() - LIFE_MS)
  // b is older than a; c is newer, and too late.
  assert.deepEqual(
    site.outcomes().map(({ id, state }) => `${id} ${state}`),
    ['b superseded', 'a expired', 'c expired'],
  )
})

test('its own end of life counts before', async () => {
  const site = await Site.open()
  const now = site.clock.wall()
  await send(site, 'a', now - 2 * LIFE_MS, { expires_at: now + 5_000 })
  assert.equal(site.inbox.waiting()[0]?.expiresInMs, 5_000)
})

test('a time more than five minutes ahead is refused and spoils no later command', async () => {
  const site = await Site.open()
  const now = site.clock.wall()
  await send(site, 'a', now + 300_001)
  await send(site, 'b', now + 300_000)
  assert.deepEqual(told(site), [
    "a refused: issued_at is 300 s ahead of the gateway's clock, at most 300 s are allowed",
  ])
  assert.equal(site.inbox.waiting()[0]?.id, 'b')
})

test('taken with a clock nobody knows, a time ahead is refused as soon as it can be judged, and spoils no later command', async () => {
  const site = await Site.open()
  site.clockKnown = false
  const now = site.clock.wall()
  await send(site, 'far', now + 10 * LIFE_MS)
  await site.restart()
  await site.learnClock()
  await send(site, 'b', now)
  await site.bringOnline()
  assert.deepEqual(told(site), [
    "far refused: issued_at is 36000 s ahead of the gateway's clock, at most 300 s are allowed",
    'b applied',
  ])
  assert.deepEqual(site.disk.prepare('SELECT version FROM command_key').pluck().all(), [now])
})

test('taken with a clock nobody knows, it is never written when it lies ahead', async () => {
  const site = await Site.open()
  site.clockKnown = false
  await site.bringOnline()
  await send(site, 'far', site.clock.wall() + 10 * LIFE_MS)
  await site.learnClock()
  assert.equal(site.outcomes()[0]?.state, 'refused')
  assert.deepEqual(site.devices.writes, [])
})

test('taken with a clock nobody knows, the later one is the newer one, then and afterwards', async () => {
  const site = await Site.open()
  site.clockKnown = false
  const now = site.clock.wall()
  await send(site, 'b', now - 1_000)
  await send(site, 'a', now - 2_000)
  await send(site, 'c', now)
  await site.learnClock()
  await send(site, 'd', now - 500)
  await site.bringOnline()
  await send(site, 'e', now - 500)
  assert.deepEqual(
    site.outcomes().map(({ id, state, superseded_by }) => `${id} ${state} ${superseded_by ?? ''}`),
    ['a superseded b', 'b superseded c', 'd superseded c', 'c applied ', 'e superseded c'],
  )
})

test('a version that is no time is none, also with a clock nobody knows', async () => {
  const site = await Site.open()
  site.clockKnown = false
  const version = site.clock.wall() * 1_000
  await site.deliver(JSON.stringify({ id: 'a', value: 1, version, expires_at: site.clock.wall() + LIFE_MS }))
  await site.learnClock()
  await site.bringOnline()
  assert.deepEqual(told(site), ['a applied'])
})

test('with a clock nobody knows it is taken, and held until it can be judged', async () => {
  for (const [agoMs, end] of [
    [1_000, 'applied'],
    [LIFE_MS + 1_000, 'expired'],
  ] as const) {
    const site = await Site.open({ commands: [commandSettings({ expiresAfterMs: LIFE_MS })] })
    site.clockKnown = false
    await send(site, 'a', site.clock.wall() - agoMs)
    await site.bringOnline()
    assert.equal(site.inbox.waiting()[0]?.reason, 'clock')
    await site.learnClock()
    assert.equal(site.outcomes()[0]?.state, end)
  }
})
