/** Several points with one command: all are checked before any is written, and the sender learns which were. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandSettings, GroupTarget } from '../../src/command-settings.ts'
import { commandSettings, pointSettings, quiet, Site } from './site.ts'

const group: GroupTarget = {
  type: 'group',
  device: 'boiler',
  points: [
    { name: 'r', point: 'red' },
    { name: 'g', point: 'green' },
    { name: 'b', point: 'blue' },
  ],
  verify: 'none',
}
const points = ['red', 'green', 'blue'].map((name) => pointSettings({ name, type: 'uint16', max: 255 }))
const color = (changes: Partial<CommandSettings> = {}, target: Partial<GroupTarget> = {}) =>
  commandSettings({ key: 'color', target: { ...group, ...target }, ...changes })

async function lamp(command: CommandSettings = color(), access: 'rw' | 'wo' = 'rw'): Promise<Site> {
  const site = await Site.open({ commands: [command], points: points.map((point) => ({ ...point, access })) })
  await site.bringOnline()
  return site
}

const written = (site: Site) => site.devices.writes.map(({ point, value }) => `${point.slice(7)} ${value}`)
const told = (site: Site) =>
  site.outcomes().map(({ id, state, reason }) => (reason ? `${id} ${state}: ${reason}` : `${id} ${state}`))
const send = async (site: Site, id: string, value: unknown) => {
  await site.deliver(JSON.stringify({ id, value }), { key: 'color' })
  await quiet()
}

describe('a group', () => {
  test('is written in the order of the configuration, as far as the command names it', async () => {
    const site = await lamp()
    await send(site, 'a', { b: 3, r: 1, g: 2 })
    await send(site, 'b', { g: 5 })
    assert.deepEqual(written(site), ['red 1', 'green 2', 'blue 3', 'green 5'])
    assert.deepEqual(
      site.outcomes().map(({ id, state, value }) => [id, state, value]),
      [
        ['a', 'applied', { r: 1, g: 2, b: 3 }],
        ['b', 'applied', { g: 5 }],
      ],
    )
  })

  for (const [value, reason] of [
    [{ r: 1, g: 256, b: 3 }, 'g: value is 256, wanted at most 255'],
    [{ r: 1, x: 2 }, 'value names "x", wanted r, g, b'],
    [{}, 'value is empty, wanted one or more of r, g, b'],
    [5, 'value is 5, wanted an object with r, g, b'],
    [undefined, '"value" is missing'],
  ] as const) {
    test(`nothing of it is written when it is refused: ${reason}`, async () => {
      const site = await lamp()
      await send(site, 'a', value)
      assert.deepEqual(told(site), [`a refused: ${reason}`])
      assert.deepEqual(written(site), [])
    })
  }

  test('a name that every object has is no name of it', async () => {
    const site = await lamp()
    await site.deliver('{"id":"a","value":{"__proto__":1}}', { key: 'color' })
    await site.deliver('{"id":"b","value":{"constructor":1}}', { key: 'color' })
    assert.deepEqual(told(site), [
      'a refused: value names "__proto__", wanted r, g, b',
      'b refused: value names "constructor", wanted r, g, b',
    ])
  })

  test('what was written when one fails is told, and a command that must not be repeated ends there', async () => {
    const site = await lamp(color({ repeatable: false }))
    site.devices.manners.push('ok', 'ok', 'busy')
    await send(site, 'a', { r: 1, g: 2, b: 3 })
    await site.clock.pass(60_000)
    assert.deepEqual(written(site), ['red 1', 'green 2'])
    assert.deepEqual(told(site), ['a failed: b failed after r, g: exception_6'])
  })

  test('one that may be repeated is written anew as a whole, and that is counted', async () => {
    const site = await lamp()
    site.devices.manners.push('ok', 'busy')
    await send(site, 'a', { r: 1, g: 2 })
    await site.clock.pass(60_000)
    assert.deepEqual(written(site), ['red 1', 'red 1', 'green 2'])
    assert.deepEqual(told(site), ['a applied'])
    assert.equal(site.inbox.status().repeatedWrites, 1)
  })

  test('a refusal of the device for good is the end also of one that may be repeated', async () => {
    const site = await lamp()
    site.devices.manners.push('ok', 'refuses')
    await send(site, 'a', { r: 1, g: 2, b: 3 })
    await site.clock.pass(60_000)
    assert.deepEqual(told(site), ['a failed: g failed after r: exception_2'])
  })

  test('when its time is over in the midst of it, it goes no further', async () => {
    const site = await lamp(color({ expiresAfterMs: 1_000 }))
    const write = site.devices.write.bind(site.devices)
    site.devices.write = async (device, point, value, isWanted) => {
      await write(device, point, value, isWanted)
      await site.clock.wait(600)
    }
    await send(site, 'a', { r: 1, g: 2, b: 3 })
    await site.clock.pass(5_000)
    assert.deepEqual(written(site), ['red 1', 'green 2'])
    assert.deepEqual(told(site), ['a failed: b failed after r, g: expired'])
  })

  for (const [manner, end] of [
    ['lost_done', 'a applied: b failed after r, g: timeout; the points were read: all have their values'],
    ['lost_undone', 'a unknown: b failed after r, g: timeout; the points were read: r has 1, g has 2, b has 0'],
  ] as const) {
    test(`a reply lost (${manner}) is settled by reading all of them together`, async () => {
      const site = await lamp(color({ repeatable: false }))
      const asked: (readonly string[])[] = []
      const read = site.devices.read.bind(site.devices)
      site.devices.read = (device, names) => {
        asked.push(names)
        return read(device, names)
      }
      site.devices.manners.push('ok', 'ok', manner)
      await send(site, 'a', { r: 1, g: 2, b: 3 })
      await site.clock.pass(60_000)
      assert.deepEqual(told(site), [end])
      assert.deepEqual(asked, [['red', 'green', 'blue']])
      assert.equal(site.devices.attempts, 3)
    })
  }

  test('a reply lost by what cannot be read leaves nobody knowing', async () => {
    const site = await lamp(color({ repeatable: false }), 'wo')
    site.devices.manners.push('ok', 'lost_done')
    await send(site, 'a', { r: 1, g: 2, b: 3 })
    await site.clock.pass(60_000)
    assert.deepEqual(told(site), ['a unknown: g failed after r: timeout'])
  })

  test('is read back together; what differs is told by name', async () => {
    const site = await lamp(color({}, { verify: 'read_back' }))
    await send(site, 'a', { r: 1, g: 2, b: 3 })
    site.devices.holds = (value) => (value === 9 ? 8 : value)
    await send(site, 'b', { r: 1, g: 9 })
    assert.deepEqual(
      site.outcomes().map(({ id, state, reason, read_back }) => ({ id, state, reason, read_back })),
      [
        { id: 'a', state: 'verified', reason: undefined, read_back: undefined },
        { id: 'b', state: 'failed', reason: 'g: read back 8 after writing 9', read_back: { g: 8 } },
      ],
    )
    // The stored answer is the same.
    await site.restart()
    await send(site, 'b', { r: 1, g: 9 })
    const [, first, again] = site.outcomes()
    assert.deepEqual(again, first)
  })

  test('keeps its place among commands for one of its points', async () => {
    const commands = [
      color(),
      commandSettings({ key: 'green', target: { type: 'point', device: 'boiler', point: 'green', verify: 'none' } }),
    ]
    const site = await Site.open({ commands, points })
    await site.deliver('{"id":"a","value":7}', { key: 'green' })
    await send(site, 'b', { r: 1, g: 2 })
    await site.deliver('{"id":"c","value":8}', { key: 'green' })
    // a is superseded by c, which came after the group.
    site.devices.manners.push('busy')
    await site.bringOnline()
    await site.clock.pass(60_000)
    assert.deepEqual(written(site), ['red 1', 'green 2', 'green 8'])
  })

  test('survives a crash with all its values', async () => {
    const site = await Site.open({ commands: [color()], points })
    await send(site, 'a', { b: 3, r: 1 })
    await site.restart()
    await site.bringOnline()
    assert.deepEqual(written(site), ['red 1', 'blue 3'])
    assert.deepEqual(told(site), ['a applied'])
  })
})
