/** The highest version of a key is kept for ever, until somebody has it forgotten by hand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openInboxDesk } from '../../src/inbox-desk.ts'
import { commandSettings, pointSettings, pointTarget, Site } from './site.ts'

const keys = [commandSettings(), commandSettings({ key: 'jobs', mode: 'queue', target: pointTarget({ point: 'job' }) })]

async function rig() {
  const site = await Site.open({ commands: keys, points: [pointSettings(), pointSettings({ name: 'job' })] })
  const desk = () =>
    openInboxDesk({
      commands: keys,
      storage: site.storage,
      inbox: site.inbox,
      facts: () => ({ now: site.now(), bootOffset: () => undefined }),
    })
  return { site, desk, states: () => site.outcomes().map(({ id, state }) => `${id} ${state}`) }
}

const command = (id: string, version: number, value = version) => JSON.stringify({ id, value, version })

describe('reset', () => {
  test('a sender that counts anew is heard again, also after a restart', async () => {
    const { site, desk, states } = await rig()
    await site.bringOnline()
    await site.deliver(command('a', 8))
    await site.bringOnline()
    await site.deliver(command('b', 1))
    assert.deepEqual(states(), ['a applied', 'b superseded'])
    assert.deepEqual(await desk().reset('setpoint'), { version: 8 })
    await site.restart()
    await site.deliver(command('c', 1))
    await site.bringOnline()
    await site.deliver(command('d', 1))
    assert.deepEqual(states(), ['a applied', 'b superseded', 'c applied', 'd superseded'])
    const [key] = (await desk().report()).keys
    assert.deepEqual(key?.highest, { version: 1, id: 'c' })
  })

  test('it is refused while a command with a version waits, for an older one would take its place', async () => {
    const { site, desk, states } = await rig()
    await site.deliver(command('new', 8))
    await assert.rejects(desk().reset('setpoint'), { code: 'conflict' })
    await site.deliver(command('old', 7))
    await site.bringOnline()
    assert.deepEqual(states(), ['old superseded', 'new applied'])
    assert.deepEqual(await desk().reset('setpoint'), { version: 8 })
  })

  test('while commands without a version wait it is done, and what comes with it in one batch counts anew', async () => {
    const { site, desk, states } = await rig()
    await site.bringOnline()
    await site.deliver(command('a', 8))
    await site.bringOnline()
    site.devices.online.clear()
    await site.deliver('{"id":"plain","value":5}')
    // All three in one transition: the first keeps the lane busy.
    const all = [site.deliver('{"id":"x","value":1}'), desk().reset('setpoint'), site.deliver(command('b', 2))]
    await Promise.all(all)
    await site.bringOnline()
    assert.deepEqual(states(), ['a applied', 'plain superseded', 'x superseded', 'b applied'])
    await site.restart()
    await site.deliver(command('c', 2))
    assert.deepEqual(states().at(-1), 'c superseded')
  })

  test('nothing was remembered; a key that is gone from the configuration; a key that nobody has', async () => {
    const { site, desk } = await rig()
    assert.deepEqual(await desk().reset('jobs'), {})
    await site.bringOnline()
    site.disk.prepare("INSERT INTO command_key VALUES ('gone', 5, 'g')").run()
    assert.deepEqual((await desk().report()).keys.at(-1), { key: 'gone', states: {}, highest: { version: 5, id: 'g' } })
    assert.deepEqual(await desk().reset('gone'), {})
    await assert.rejects(desk().reset('gone'), { code: 'unknown_key' })
    await assert.rejects(desk().reset('nobody'), { code: 'unknown_key' })
  })
})

describe('cancel', () => {
  test('what waits ends and its sender is told; what ended already says how, what nobody knows is named', async () => {
    const { site, desk, states } = await rig()
    await site.deliver('{"id":"a","value":1}')
    await site.deliver('{"id":"b","value":2}')
    await site.deliver('{"id":"j","value":3}', { key: 'jobs' })
    await site.deliver('{"id":"b","value":4}', { key: 'jobs' })
    const answer = await desk().cancel({ ids: ['a', 'b', 'b', 'nobody'], key: 'setpoint' })
    assert.deepEqual(
      answer.commands.map(({ key, id, state }) => `${key} ${id} ${state}`),
      ['setpoint a superseded', 'setpoint b cancelled'],
    )
    assert.deepEqual(answer.unknown, ['nobody'])
    assert.deepEqual(states(), ['a superseded', 'b cancelled'])
    // The same id under another key was not meant, and is by itself now.
    const all = await desk().cancel({ ids: ['b'] })
    assert.deepEqual(
      all.commands.map(({ key, state }) => `${key} ${state}`),
      ['setpoint cancelled', 'jobs cancelled'],
    )
    assert.deepEqual(site.inbox.status().keys, [
      { key: 'setpoint', waiting: 0, finished: { superseded: 1, cancelled: 1 } },
      { key: 'jobs', waiting: 1, finished: { cancelled: 1 } },
    ])
    const { commands } = await desk().commands({ states: ['waiting'] })
    assert.deepEqual(
      commands.map(({ id, waitsFor }) => [id, waitsFor]),
      [['j', 'device offline']],
    )
  })
})

describe('questions', () => {
  test('the report has every key with what it does, and what waits in order of arrival', async () => {
    const { site, desk } = await rig()
    for (let job = 1; job <= 12; job += 1) await site.deliver(`{"id":"j${job}","value":${job}}`, { key: 'jobs' })
    const report = await desk().report()
    assert.deepEqual(report.keys, [
      { key: 'setpoint', does: 'boiler.setpoint', mode: 'last_value', states: {} },
      { key: 'jobs', does: 'boiler.job', mode: 'queue', states: { waiting: 12 } },
    ])
    assert.deepEqual([report.live, report.kept, report.counts?.received, report.next.length], [12, 0, 12, 10])
    assert.deepEqual(
      [report.next[0]?.id, report.next[0]?.waitsFor, report.next[9]?.id],
      ['j1', 'device offline', 'j10'],
    )
  })

  test('a time is read as everywhere; a number of a record is none', async () => {
    const { desk } = await rig()
    assert.deepEqual(await desk().commands({ since: '2h' }), { commands: [] })
    assert.deepEqual(await desk().commands({ since: '2026-11-20T06:00' }), { commands: [] })
    for (const since of ['12', 'yesterday', '']) {
      await assert.rejects(desk().commands({ since }), { code: 'usage', message: /as a time or an age/ })
    }
  })
})
