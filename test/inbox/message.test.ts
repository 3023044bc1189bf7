/** Texts for devices: filled, sent once, not answered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandSettings, ValueRule } from '../../src/command-settings.ts'
import { commandSettings, quiet, Site } from './site.ts'

function display(value: ValueRule, changes: Partial<CommandSettings> = {}): CommandSettings {
  const target = { type: 'message', device: 'boiler', text: 'SHOW {value}!\r\n', value } as const
  return commandSettings({ key: 'display', target, ...changes })
}

async function rig(command: CommandSettings): Promise<Site> {
  const site = await Site.open({ commands: [command] })
  await site.bringOnline()
  return site
}

const sent = (site: Site) => site.devices.writes.map(({ value }) => value)
const told = (site: Site) =>
  site.outcomes().map(({ id, state, reason }) => (reason ? `${id} ${state}: ${reason}` : `${id} ${state}`))

test('the value stands where the text says', async () => {
  const site = await rig(display({ pattern: '[a-zé$&]+' }))
  for (const value of ['hello', 'é', '$&']) {
    await site.deliver(JSON.stringify({ id: value, value }), { key: 'display' })
    await quiet()
  }
  assert.deepEqual(sent(site), ['SHOW hello!\r\n', 'SHOW é!\r\n', 'SHOW $&!\r\n'])
  assert.deepEqual(told(site), ['hello applied', 'é applied', '$& applied'])
})

for (const [rule, value, reason] of [
  [{ pattern: '[^x]*' }, 'a\r\nRESET', 'value is "a\\r\\nRESET", wanted text without control characters'],
  [{ pattern: '[a-z]+' }, 'abc1', 'value is "abc1", wanted a match of [a-z]+'],
  [{ pattern: 'a|b' }, 'ab', 'value is "ab", wanted a match of a|b'],
  [{ pattern: '.*' }, '→', 'value has characters beyond ISO 8859-1, which cannot be sent'],
  [{ pattern: '.*' }, 'x'.repeat(1_601), 'value has 1601 characters, at most 1600 are allowed'],
  [{ oneOf: ['red', 5, true] }, 'blue', 'value is "blue", wanted one of "red", 5, true'],
  [{ oneOf: ['red', 5, true] }, '5', 'value is "5", wanted one of "red", 5, true'],
  [{ oneOf: [1, 2, 3, 4, 5, 6, 7] }, 8, 'value is 8, wanted one of 1, 2, 3, 4, 5 or 2 more'],
  [{ min: 0, max: 9 }, 10, 'value is 10, wanted a number, 0 to 9'],
  [{ min: 0 }, -1, 'value is -1, wanted a number, at least 0'],
  [{ max: 9 }, '5', 'value is "5", wanted a number, at most 9'],
  [{ min: 0 }, { a: 1 }, 'value is an object, wanted a single value'],
  [{ min: 0 }, undefined, '"value" is missing'],
  [{}, 5, 'value is 5, wanted true: this command takes no value'],
] as const satisfies readonly (readonly [ValueRule, unknown, string])[]) {
  test(`refused: ${reason.slice(0, 70)}`, async () => {
    const site = await rig(display(rule))
    await site.deliver(JSON.stringify({ id: 'a', value }), { key: 'display' })
    await quiet()
    assert.deepEqual(told(site), [`a refused: ${reason}`])
    assert.deepEqual(sent(site), [])
  })
}

test('what is listed may have any characters, numbers are taken with all their digits', async () => {
  const site = await rig(display({ oneOf: ['a\tb', 1.5, 2 ** 60] }))
  await site.deliver('{"id":"a","value":"a\\tb"}', { key: 'display' })
  await quiet()
  assert.deepEqual(sent(site), ['SHOW a\tb!\r\n'])
  await site.deliver('{"id":"b","value":1152921504606846976}', { key: 'display' })
  await quiet()
  assert.equal(sent(site)[1], 'SHOW 1152921504606846976!\r\n')
  const wide = await rig(display({ min: 0 }))
  await wide.deliver('{"id":"a","value":18446744073709551615}', { key: 'display' })
  await quiet()
  assert.deepEqual(sent(wide), ['SHOW 18446744073709551615!\r\n'])
})

test('a command without a value is one all the same', async () => {
  const site = await rig(display({}))
  await site.deliver('{"id":"a"}', { key: 'display' })
  await site.deliver('true', { key: 'display' })
  await quiet()
  assert.equal(sent(site).length, 2)
  assert.equal(site.outcomes()[0]?.value, undefined)
})

test('nobody answers a text: a line lost under it is settled by what may be repeated', async () => {
  for (const [repeatable, texts, end] of [
    [true, 2, 'a applied'],
    [false, 1, 'a unknown: timeout'],
  ] as const) {
    const site = await rig(display({ min: 0 }, { repeatable }))
    site.devices.manners.push('lost_done')
    await site.deliver('{"id":"a","value":1}', { key: 'display' })
    await site.clock.pass(60_000)
    assert.equal(sent(site).length, texts)
    assert.deepEqual(told(site), [end])
  }
})

test('what was never sent is tried again, and what cannot be sent is the end', async () => {
  const site = await rig(display({ min: 0 }, { repeatable: false }))
  site.devices.manners.push('busy')
  await site.deliver('{"id":"a","value":1}', { key: 'display' })
  await site.clock.pass(60_000)
  site.devices.manners.push('refuses')
  await site.deliver('{"id":"b","value":2}', { key: 'display' })
  await site.clock.pass(60_000)
  assert.deepEqual(told(site), ['a applied', 'b failed: exception_2'])
})
