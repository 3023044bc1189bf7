/** How many commands are taken, and where their answers go. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandSettings } from '../../src/command-settings.ts'
import { commandSettings, pointSettings, pointTarget, quiet, Site } from './site.ts'

const told = (site: Site) =>
  site.outcomes().map(({ id, state, reason }) => (reason ? `${id} ${state}: ${reason}` : `${id} ${state}`))
const queue = (changes: Partial<CommandSettings> = {}) =>
  commandSettings({ mode: 'queue', repeatable: false, ...changes })
const job = (id: number | string) => JSON.stringify({ id: `${id}`, value: 1 })

describe('a rate', () => {
  const rate = { commands: 2, perMs: 60_000 }

  test('refuses what is too much, and says when it is possible again', async () => {
    const site = await Site.open({ commands: [queue({ rate })] })
    await site.bringOnline()
    for (const id of ['a', 'b', 'c']) {
      await site.deliver(job(id))
      await quiet()
    }
    await site.clock.pass(29_999)
    await site.deliver(job('d'))
    await site.clock.pass(1)
    await site.deliver(job('e'))
    await quiet()
    assert.deepEqual(told(site), [
      'a applied',
      'b applied',
      'c refused: more than 2 in 60 s; possible again in 30 s',
      'd refused: more than 2 in 60 s; possible again in 1 s',
      'e applied',
    ])
  })

  test('does not count repeats, what is refused for another reason, and what came too late', async () => {
    const site = await Site.open({ commands: [queue({ rate })] })
    await site.bringOnline()
    await site.deliver(job('a'))
    await quiet()
    for (let times = 0; times < 5; times++) await site.deliver(job('a'))
    await site.deliver('{"id":"x","value":"text"}')
    await site.deliver('{"id":"y","value":1,"expires_at":"2020-01-01T00:00:00Z"}')
    await site.deliver(job('b'))
    await quiet()
    assert.deepEqual(
      site.outcomes().map(({ id, state }) => `${id} ${state}`),
      [
        'a applied',
        'a applied',
        'a applied',
        'a applied',
        'a applied',
        'a applied',
        'x refused',
        'y expired',
        'b applied',
      ],
    )
  })

  test('counts when commands came, not when a slow disk took them', async () => {
    const site = await Site.open({ commands: [queue({ rate })] })
    site.storage.hold()
    for (let id = 0; id < 6; id++) {
      void site.deliver(job(id))
      await site.clock.pass(30_000)
    }
    site.storage.release()
    await quiet()
    assert.deepEqual(told(site), [])
    assert.equal(site.inbox.waiting().length, 6)
  })

  test('of desired values none is refused: attempts wait, and the newest wins', async () => {
    const site = await Site.open({ commands: [commandSettings({ rate })] })
    await site.bringOnline()
    const written = () => site.devices.writes.map(({ value }) => value)
    for (let version = 1; version <= 9; version++) {
      await site.deliver(JSON.stringify({ id: `v${version}`, value: version, version }))
      await quiet()
    }
    assert.deepEqual(written(), [1, 2])
    assert.deepEqual(
      site.inbox.waiting().map(({ id, reason }) => `${id}: ${reason}`),
      ['v9: rate'],
    )
    await site.clock.pass(29_999)
    assert.deepEqual(written(), [1, 2])
    await site.clock.pass(1)
    assert.deepEqual(written(), [1, 2, 9])
    assert.equal(site.outcomes().filter(({ state }) => state === 'refused').length, 0)
  })

  test('of desired values, a burst after an outage leaves the newest', async () => {
    const site = await Site.open({ commands: [commandSettings({ rate })] })
    for (let value = 1; value <= 500; value++) await site.deliver(JSON.stringify({ id: `v${value}`, value }))
    await site.bringOnline()
    assert.deepEqual(
      site.devices.writes.map(({ value }) => value),
      [500],
    )
  })

  test('an attempt that failed counts as one', async () => {
    const site = await Site.open({ commands: [commandSettings({ rate })] })
    site.devices.manners.push('busy', 'busy')
    await site.deliver(job('a'))
    await site.bringOnline()
    await site.clock.pass(29_999)
    assert.equal(site.devices.attempts, 2)
    await site.clock.pass(1)
    assert.equal(site.devices.attempts, 3)
    assert.deepEqual(told(site), ['a applied'])
  })
})

describe('a queue', () => {
  test('holds as many as its key says', async () => {
    const site = await Site.open({ commands: [queue({ waitingMax: 2 })] })
    for (const id of ['a', 'b', 'c']) await site.deliver(job(id))
    assert.deepEqual(told(site), ['c refused: 2 commands wait already, at most 2 may'])
    await site.bringOnline()
    await site.deliver(job('d'))
    await quiet()
    assert.deepEqual(told(site).slice(1), ['a applied', 'b applied', 'd applied'])
  })

  test('all keys together hold no more than the memory is meant for; a desired value is taken all the same', async () => {
    const keys = Array.from({ length: 11 }, (_, index) => `jobs${index}`)
    const commands = [commandSettings(), ...keys.map((key) => queue({ key }))]
    const site = await Site.open({ commands })
    for (const key of keys) await Promise.all(Array.from({ length: 1_000 }, (_, id) => site.deliver(job(id), { key })))
    assert.equal(site.inbox.waiting().length, 10_000)
    assert.equal(site.outcomes().length, 1_000)
    assert.equal(told(site)[0], '0 refused: too many commands wait already, of all keys together')
    await site.deliver(job('newest'))
    assert.equal(site.inbox.waiting().at(-1)?.id, 'newest')
  })

  test('takes no more bytes than the memory is meant for, also after a restart', async () => {
    const points = [pointSettings({ type: 'string', length: 125 })]
    const site = await Site.open({ commands: [queue({ waitingMax: 10_000 })], points })
    const big = (id: number) => {
      const reply = { topic: 'r', correlation: 'A'.repeat(2_000) }
      return site.deliver(JSON.stringify({ id: `${id}`, value: 'x'.repeat(247) }), { reply })
    }
    for (let id = 0; id < 4_000; id += 500) await Promise.all(Array.from({ length: 500 }, (_, k) => big(id + k)))
    const taken = site.inbox.waiting().length
    // Of each: the value as JSON, topic and correlation data.
    assert.equal(taken, Math.floor((8 * 1024 * 1024) / 2_250))
    assert.match(told(site)[0] ?? '', /refused: too many commands wait already, of all keys together/)
    await site.restart()
    await big(5_000)
    assert.equal(site.inbox.waiting().length, taken)
    await site.inbox.cancel('0')
    await big(5_001)
    assert.equal(site.inbox.waiting().at(-1)?.id, '5001')
  })

  test('needs ids', async () => {
    const site = await Site.open({ commands: [queue()] })
    await site.deliver('1')
    assert.match(told(site)[0] ?? '', /^auto-[0-9a-f]{16} refused: an id is missing$/)
  })

  test('goes behind the newest desired values of its device, but never past an older command for its point', async () => {
    const commands = [
      queue({ key: 'jobs', target: pointTarget({ point: 'job' }) }),
      commandSettings({ key: 'level', target: pointTarget({ point: 'level' }) }),
      commandSettings({ key: 'job', target: pointTarget({ point: 'job' }) }),
    ]
    const site = await Site.open({ commands, points: ['job', 'level'].map((name) => pointSettings({ name })) })
    await site.deliver('{"id":"1","value":1}', { key: 'jobs' })
    await site.deliver('{"id":"2","value":2}', { key: 'jobs' })
    await site.deliver('{"id":"3","value":3}', { key: 'job' })
    await site.deliver('{"id":"4","value":4}', { key: 'level' })
    await site.deliver('{"id":"5","value":5}', { key: 'level' })
    await site.restart()
    await site.bringOnline()
    assert.deepEqual(
      site.devices.writes.map(({ point, value }) => `${point} ${value}`),
      ['boiler.level 5', 'boiler.job 1', 'boiler.job 2', 'boiler.job 3'],
    )
  })
})

describe('a value', () => {
  test('is refused when it is longer than what is kept, also that of a group', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `p${index}`)
    const points = names.map((name) => pointSettings({ name, type: 'string', length: 125 }))
    const target = {
      type: 'group',
      device: 'boiler',
      points: names.map((name) => ({ name, point: name })),
      verify: 'none',
    } as const
    const site = await Site.open({ commands: [commandSettings({ target })], points })
    const value = Object.fromEntries(names.map((name) => [name, 'x'.repeat(250)]))
    await site.deliver(JSON.stringify({ id: 'a', value }))
    await site.deliver(JSON.stringify({ id: 'b', value: { p0: 'x'.repeat(250) } }))
    assert.deepEqual(told(site), ['a refused: value has 2065 characters as JSON, at most 1600 are allowed'])
    assert.equal(site.outcomes()[0]?.value, undefined)
    assert.equal(site.inbox.waiting()[0]?.id, 'b')
  })
})

describe('the answer', () => {
  const replies = (site: Site) =>
    site.disk
      .prepare('SELECT reply FROM outcome ORDER BY seq')
      .pluck()
      .all()
      .map((reply) => (reply === null ? null : (JSON.parse(String(reply)) as object)))

  test('goes where the sender wants it, also after a restart', async () => {
    const site = await Site.open()
    const reply = { topic: 'app/7/answers', correlation: 'AQID/w==' }
    await site.deliver(job('a'), { reply })
    await site.deliver('nonsense', { reply: { topic: 'app/8' } })
    await site.deliver('1', { key: 'nobody', reply })
    await site.restart()
    await site.bringOnline()
    assert.deepEqual(replies(site), [{ topic: 'app/8' }, reply, reply])
  })

  test('to a repeat goes to whoever repeated it', async () => {
    const site = await Site.open()
    await site.bringOnline()
    await site.deliver(job('a'), { reply: { topic: 'first' } })
    await quiet()
    await site.deliver(job('a'), { reply: { topic: 'second' } })
    await site.deliver(job('a'))
    assert.deepEqual(replies(site), [{ topic: 'first' }, { topic: 'second' }, null])
  })

  test('a place for it that is too long to keep is refused, and told where answers go', async () => {
    const site = await Site.open()
    await site.deliver(job('a'), { reply: { topic: 'app', correlation: 'A'.repeat(2_048) } })
    assert.deepEqual(told(site), ['a refused: response topic and correlation data are longer than 2048 characters'])
    assert.deepEqual(replies(site), [null])
  })
})
