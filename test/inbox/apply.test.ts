import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandSettings, pointSettings, pointTarget, quiet, Site } from './site.ts'

const states = (site: Site) => site.outcomes().map(({ id, state }) => `${id} ${state}`)
const once = commandSettings({ repeatable: false })
const writeOnly = pointSettings({ access: 'wo' })

test('the attempt is on the disk before the device hears of it', async () => {
  const site = await Site.open()
  const seen: unknown[] = []
  site.devices.onWrite = () => seen.push(site.disk.prepare('SELECT state, attempts FROM command').get())
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  assert.deepEqual(seen, [{ state: 'applying', attempts: 1 }])
})

test('a lost reply lets a repeatable command be written again, and that is counted', async () => {
  const site = await Site.open()
  site.devices.manners.push('lost_done')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await site.clock.pass(60_000)
  assert.equal(site.devices.writes.length, 2)
  assert.deepEqual(states(site), ['a applied'])
  assert.equal(site.inbox.status().repeatedWrites, 1)
})

test('a lost reply ends a command that must not be repeated as unknown where the point cannot be read', async () => {
  const site = await Site.open({ commands: [once], points: [writeOnly] })
  site.devices.manners.push('lost_done')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await site.clock.pass(60_000)
  assert.equal(site.devices.writes.length, 1)
  assert.deepEqual(states(site), ['a unknown'])
})

for (const [manner, state] of [
  ['lost_done', 'applied'],
  ['lost_undone', 'unknown'],
] as const) {
  test(`a reply lost (${manner}) is settled by reading the point: ${state}, and nothing is written twice`, async () => {
    const site = await Site.open({ commands: [once] })
    site.devices.manners.push(manner)
    await site.bringOnline()
    await site.deliver('{"id":"a","value":1}')
    await site.clock.pass(60_000)
    assert.equal(site.devices.attempts, 1)
    assert.deepEqual(states(site), [`a ${state}`])
  })

  test(`a crash during a write (${manner}) is settled by reading the point: ${state}`, async () => {
    const site = await Site.open({ commands: [once] })
    site.devices.manners.push(manner === 'lost_done' ? 'hangs_done' : 'hangs_undone')
    await site.bringOnline()
    await site.deliver('{"id":"a","value":1}')
    await quiet()
    await site.restart()
    assert.equal(site.devices.attempts, 1)
    assert.deepEqual(states(site), [`a ${state}`])
  })
}

test('a doubt that cannot be looked at before the time is over ends unknown', async () => {
  const site = await Site.open({ commands: [once] })
  site.devices.manners.push('lost_done')
  site.devices.readError = 'timeout'
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await site.clock.pass(2 * 3_600_000)
  assert.equal(site.devices.attempts, 1)
  assert.deepEqual(states(site), ['a unknown'])
})

test('a crash during a write ends unknown where it must not be repeated and cannot be read', async () => {
  const site = await Site.open({ commands: [once], points: [writeOnly] })
  site.devices.manners.push('hangs_done')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  await site.restart()
  assert.equal(site.devices.attempts, 1)
  assert.deepEqual(states(site), ['a unknown'])
})

test('a crash during a write lets a repeatable command be written again', async () => {
  const site = await Site.open()
  site.devices.manners.push('hangs_done')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  await site.restart()
  assert.equal(site.devices.writes.length, 2)
  assert.deepEqual(states(site), ['a applied'])
  assert.equal(site.inbox.status().repeatedWrites, 1)
})

test('a refusal of the device is the end, and says what the device said', async () => {
  const site = await Site.open()
  site.devices.manners.push('refuses')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await site.clock.pass(60_000)
  assert.equal(site.devices.attempts, 1)
  assert.deepEqual(site.outcomes(), [{ id: 'a', key: 'setpoint', state: 'failed', value: 1, reason: 'exception_2' }])
})

test('a busy device is tried again with pauses, until the command expires', async () => {
  const site = await Site.open({ commands: [commandSettings({ expiresAfterMs: 60_000 })] })
  site.devices.manners.push(...Array.from({ length: 1000 }, () => 'busy' as const))
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await site.clock.pass(59_999)
  assert.match(site.inbox.waiting()[0]?.reason ?? '', /^retry after exception_6$/)
  assert.ok(site.devices.attempts >= 4 && site.devices.attempts <= 10, `${site.devices.attempts} attempts`)
  await site.clock.pass(1)
  assert.deepEqual(
    site.outcomes().map(({ state, reason }) => `${state}: ${reason}`),
    ['expired: its time is over; last attempt: exception_6'],
  )
})

test('a device that comes back is tried at once, whatever the pause', async () => {
  const site = await Site.open()
  site.devices.manners.push('busy', 'busy', 'busy', 'busy')
  await site.bringOnline()
  await site.deliver('{"id":"a","value":1}')
  await quiet()
  for (let times = 0; times < 4; times++) await site.bringOnline()
  assert.deepEqual(states(site), ['a applied'])
})

test('a command waits for its device and expires on time without it', async () => {
  const site = await Site.open()
  await site.deliver('{"id":"a","value":1}')
  assert.deepEqual(site.inbox.waiting(), [
    { key: 'setpoint', id: 'a', value: '1', reason: 'device offline', expiresInMs: 3_600_000 },
  ])
  await site.clock.pass(3_599_999)
  assert.deepEqual(states(site), [])
  await site.clock.pass(1)
  assert.deepEqual(states(site), ['a expired'])
})

test('a commit that took longer than the command lives ends in expired, not in a write', async () => {
  const site = await Site.open({ commands: [commandSettings({ expiresAfterMs: 1_000 })] })
  await site.deliver('{"id":"a","value":1}')
  site.storage.hold()
  await site.bringOnline()
  await site.clock.pass(1_000)
  site.storage.release()
  await quiet()
  assert.equal(site.devices.attempts, 0)
  assert.deepEqual(states(site), ['a expired'])
})

test('read back is compared with what was written', async () => {
  const verified = commandSettings({ target: pointTarget({ verify: 'read_back' }) })
  const site = await Site.open({ commands: [verified], points: [pointSettings({ type: 'int16', scale: 0.1 })] })
  await site.bringOnline()
  await site.deliver('{"id":"a","value":55.04}')
  await quiet()
  const read = site.devices.read.bind(site.devices)
  site.devices.read = async () => [54.9]
  await site.deliver('{"id":"b","value":55}')
  await quiet()
  site.devices.read = read
  site.devices.readError = 'timeout'
  await site.deliver('{"id":"c","value":55}')
  await quiet()
  assert.deepEqual(
    site.outcomes().map(({ id, state, reason }) => ({ id, state, reason })),
    [
      { id: 'a', state: 'verified', reason: undefined },
      { id: 'b', state: 'failed', reason: 'read back 54.9 after writing 55' },
      { id: 'c', state: 'applied', reason: 'the device confirmed the write, but it could not be read back: timeout' },
    ],
  )
})

test('rounding is told by the power of ten that is read together with the point', async () => {
  const points = [pointSettings({ type: 'int16', scaleFrom: 'power' }), pointSettings({ name: 'power', type: 'int16' })]
  const site = await Site.open({
    commands: [commandSettings({ target: pointTarget({ verify: 'read_back' }) })],
    points,
  })
  await site.bringOnline()
  const asked: (readonly string[])[] = []
  site.devices.read = async (_device, names) => {
    asked.push(names)
    return [230.5, -1]
  }
  await site.deliver('{"id":"a","value":230.54}')
  await quiet()
  await site.deliver('{"id":"b","value":230.9}')
  await quiet()
  assert.deepEqual(
    site.outcomes().map(({ id, state }) => [id, state]),
    [
      ['a', 'verified'],
      ['b', 'failed'],
    ],
  )
  assert.deepEqual(asked, [
    ['setpoint', 'power'],
    ['setpoint', 'power'],
  ])
})

test('commands of one device go one at a time; a failing point does not hold the others', async () => {
  const commands = [commandSettings(), commandSettings({ key: 'pump', target: pointTarget({ point: 'pump' }) })]
  const site = await Site.open({ commands, points: [pointSettings(), pointSettings({ name: 'pump' })] })
  await site.deliver('{"id":"a","value":1}')
  await site.deliver('{"id":"b","value":2}', { key: 'pump' })
  let running = 0
  let most = 0
  const write = site.devices.write.bind(site.devices)
  site.devices.write = async (device, point, value) => {
    running += 1
    most = Math.max(most, running)
    await quiet()
    running -= 1
    return write(device, point, value)
  }
  site.devices.manners.push('busy')
  await site.bringOnline()
  await site.clock.pass(60_000)
  assert.equal(most, 1)
  assert.deepEqual(
    site.devices.writes.map((one) => one.point),
    ['boiler.pump', 'boiler.setpoint'],
  )
})

test('two commands for one point are written in the order of their arrival, also when the first has to be tried again', async () => {
  const commands = [commandSettings({ key: 'x' }), commandSettings({ key: 'y' })]
  const site = await Site.open({ commands })
  site.devices.manners.push('busy')
  await site.deliver('{"id":"a","value":1}', { key: 'y' })
  await site.deliver('{"id":"b","value":2}', { key: 'x' })
  await site.bringOnline()
  await site.clock.pass(60_000)
  assert.deepEqual(
    site.devices.writes.map((one) => one.value),
    [1, 2],
  )
})

test('a queue runs all commands, in order', async () => {
  const site = await Site.open({ commands: [commandSettings({ mode: 'queue', repeatable: false })] })
  for (let value = 1; value <= 20; value++) await site.deliver(`{"id":"q${value}","value":${value}}`)
  site.devices.manners.push('ok', 'busy')
  await site.bringOnline()
  await site.clock.pass(60_000)
  assert.deepEqual(
    site.devices.writes.map((one) => one.value),
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

test('after a reboot a command is held until the clock is known, then applied or expired', async () => {
  for (const [rebootMs, expected] of [
    [60_000, 'a applied'],
    [3_600_000, 'a expired'],
  ] as const) {
    const site = await Site.open()
    await site.deliver('{"id":"a","value":1}')
    await site.restart({ rebootMs })
    await site.bringOnline()
    await site.clock.pass(60_000)
    assert.deepEqual(states(site), [])
    assert.equal(site.inbox.waiting()[0]?.reason, 'clock')
    await site.learnClock()
    assert.deepEqual(states(site), [expected])
  }
})

test('a command whose key is not configured any more ends when the agent starts', async () => {
  const commands = [commandSettings(), commandSettings({ key: 'pump' })]
  const site = await Site.open({ commands })
  await site.deliver('{"id":"a","value":1}', { key: 'pump' })
  commands.pop()
  await site.restart()
  assert.deepEqual(site.outcomes(), [
    { id: 'a', key: 'pump', state: 'refused', value: 1, reason: 'no command with this key is configured any more' },
  ])
  await site.restart()
  assert.equal(site.outcomes().length, 1)
})

test('closing waits for the attempt and begins no other', async () => {
  const site = await Site.open({ commands: [commandSettings(), commandSettings({ key: 'y' })] })
  await site.deliver('{"id":"a","value":1}')
  await site.deliver('{"id":"b","value":2}', { key: 'y' })
  site.devices.online.add('boiler')
  site.inbox.deviceOnline('boiler')
  await site.inbox.close()
  assert.deepEqual(states(site), ['a applied'])
  await site.bringOnline()
  assert.equal(site.devices.writes.length, 1)
})

test('what the device holds instead of the very value is told, and told again the same', async () => {
  const point = pointSettings({ type: 'int16', scale: 0.1 })
  const site = await Site.open({
    commands: [commandSettings({ target: pointTarget({ verify: 'read_back' }) })],
    points: [point],
  })
  site.devices.holds = () => 55.6
  await site.bringOnline()
  await site.deliver('{"id":"a","value":55.55}')
  await quiet()
  const told = site.outcomes().map(({ state, value, read_back }) => [state, value, read_back])
  assert.deepEqual(told, [['verified', 55.55, 55.6]])
  await site.restart()
  await site.deliver('{"id":"a","value":55.55}')
  await quiet()
  const [first, again] = site.outcomes()
  assert.deepEqual(again, first)
})
