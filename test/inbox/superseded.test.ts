import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quiet, Site } from './site.ts'

test('of 500 commands sent while the device is away exactly the newest is written, and 499 senders are told', async () => {
  const site = await Site.open()
  const before = site.storage.jobs
  const confirmed = await Promise.all(
    Array.from({ length: 500 }, (_, index) => site.deliver(`{"id":"cmd-${index + 1}","value":${index + 1}}`)),
  )
  assert.equal(confirmed.length, 500)
  assert.ok(site.storage.jobs - before <= 4, `${site.storage.jobs - before} transactions for 500 commands`)
  await site.bringOnline()

  assert.deepEqual(site.devices.writes, [{ point: 'boiler.setpoint', value: 500 }])
  const outcomes = site.outcomes()
  assert.equal(outcomes.length, 500)
  assert.deepEqual(outcomes[0], { id: 'cmd-1', key: 'setpoint', state: 'superseded', value: 1, superseded_by: 'cmd-2' })
  assert.equal(outcomes.filter((outcome) => outcome.state === 'superseded').length, 499)
  assert.deepEqual(outcomes.at(-1), { id: 'cmd-500', key: 'setpoint', state: 'applied', value: 500 })
})

test('P8: what is loaded after the newest commits were lost ends unknown, also where an attempt had begun', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"old","value":1}')
  await site.restart({ isLogLost: true })
  await site.bringOnline()
  assert.deepEqual(site.devices.writes, [])
  const reason = 'the write-ahead log of the gateway was lost'
  assert.deepEqual(site.outcomes(), [{ id: 'old', key: 'setpoint', state: 'unknown', value: 1, reason }])
  await site.deliver('{"id":"new","value":2}')
  await quiet()
  assert.deepEqual(site.devices.writes, [{ point: 'boiler.setpoint', value: 2 }])
})

test('P8: an attempt that the agent did not survive is not repeated when something newer had come and gone', async () => {
  const site = await Site.open()
  site.devices.manners.push('hangs_undone')
  await site.deliver('{"id":"old","value":1}')
  await site.bringOnline()
  await site.deliver('{"id":"new","value":2}')
  assert.equal(await site.inbox.cancel('new'), 'cancelled')
  await site.restart()
  await site.bringOnline()
  assert.deepEqual(site.devices.writes, [])
  assert.deepEqual(
    site.outcomes().map(({ id, state, superseded_by }) => `${id} ${state} ${superseded_by ?? ''}`),
    ['new cancelled ', 'old superseded new'],
  )
})

test('P8: an attempt that failed is not repeated when something newer had come and gone', async () => {
  for (const how of ['cancelled', 'expired'] as const) {
    const site = await Site.open()
    const { write } = site.devices
    // The first attempt takes three seconds and then fails.
    site.devices.write = async () => {
      site.devices.write = write.bind(site.devices)
      await site.clock.wait(3_000)
      throw Object.assign(new Error('busy'), { code: 'exception_6', happened: 'no', retriable: true })
    }
    await site.bringOnline()
    await site.deliver('{"id":"old","value":1}')
    await quiet()
    await site.deliver('{"id":"new","value":2}', how === 'expired' ? { expiresInMs: 2_000 } : {})
    if (how === 'cancelled') await site.inbox.cancel('new')
    await site.clock.pass(60_000)
    assert.deepEqual(site.devices.writes, [])
    assert.deepEqual(
      site.outcomes().map(({ id, state }) => `${id} ${state}`),
      [`new ${how}`, 'old superseded'],
    )
  }
})

test('a higher version that arrived first is not replaced by a lower one that arrived later', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"new","value":2,"version":7}')
  await site.deliver('{"id":"old","value":1,"version":6}')
  await site.deliver('{"id":"same","value":3,"version":7}')
  await site.bringOnline()
  assert.deepEqual(
    site.devices.writes.map((write) => write.value),
    [2],
  )
  assert.deepEqual(
    site.outcomes().map(({ id, state, superseded_by, reason }) => ({ id, state, superseded_by, reason })),
    [
      { id: 'old', state: 'superseded', superseded_by: 'new', reason: 'version 6 is not above 7' },
      { id: 'same', state: 'superseded', superseded_by: 'new', reason: 'version 7 is not above 7' },
      { id: 'new', state: 'applied', superseded_by: undefined, reason: undefined },
    ],
  )
})

test('the highest version is remembered after the command and the agent are gone', async () => {
  const site = await Site.open({ keepHistoryMs: 1_000 })
  await site.bringOnline()
  await site.deliver('{"id":"new","value":2,"version":7}')
  await quiet()
  await site.clock.pass(2 * 3_600_000)
  assert.equal(site.disk.prepare('SELECT count(*) FROM command').pluck().get(), 0, 'the history is pruned')
  await site.restart()
  await site.deliver('{"id":"old","value":1,"version":6}')
  await quiet()
  assert.deepEqual(
    site.devices.writes.map((write) => write.value),
    [2],
  )
  assert.equal(site.outcomes().at(-1)?.superseded_by, 'new')
})

test('a command that arrives during an attempt lets it end, and is applied after it', async () => {
  const site = await Site.open()
  let release = () => {}
  const written = new Promise<void>((resolve) => {
    release = resolve
  })
  const write = site.devices.write.bind(site.devices)
  site.devices.write = async (device, point, value) => {
    await write(device, point, value)
    if (value === 1) await written
  }
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  await site.deliver('{"id":"b","value":2}')
  assert.deepEqual(
    site.inbox.waiting().map(({ id, reason }) => ({ id, reason })),
    [
      { id: 'a', reason: 'applying' },
      { id: 'b', reason: 'its turn' },
    ],
  )
  release()
  await quiet()
  assert.deepEqual(
    site.devices.writes.map((one) => one.value),
    [1, 2],
  )
  assert.deepEqual(
    site.outcomes().map(({ id, state }) => `${id} ${state}`),
    ['a applied', 'b applied'],
  )
})

test('a command between two attempts is superseded at once', async () => {
  const site = await Site.open()
  site.devices.manners.push('busy')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  await site.deliver('{"id":"b","value":2}')
  await quiet()
  assert.deepEqual(
    site.devices.writes.map((one) => one.value),
    [2],
  )
  assert.deepEqual(
    site.outcomes().map(({ id, state }) => `${id} ${state}`),
    ['a superseded', 'b applied'],
  )
})

test('an attempt that is about to begin gives way to a newer command that came meanwhile', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"a","value":1}')
  site.storage.hold()
  void site.deliver('{"id":"x","value":"keeps the key busy"}')
  await site.bringOnline()
  void site.deliver('{"id":"b","value":2}')
  site.storage.release()
  await quiet()
  assert.deepEqual(
    site.devices.writes.map((one) => one.value),
    [2],
  )
})
