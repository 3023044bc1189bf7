import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSettings } from '../../src/config/load.ts'
import { publishedBy, unusableBecause } from '../../src/uplink/response-topic.ts'

const delivery = { topic: 'cmd/gw/pump' }
const why = (topic: string, subscribed = 'cmd/gw/+') =>
  unusableBecause(topic, { delivery, commands: [subscribed], own: [] })

test('what nothing can be published on is no response topic', () => {
  assert.match(why('') ?? '', /empty/)
  assert.match(why('a/+/b') ?? '', /wildcards/)
  assert.match(why('a/#') ?? '', /wildcards/)
  assert.match(why('$SYS/x') ?? '', /begins with \$/)
  assert.match(why('a\0b') ?? '', /NUL/)
  for (const topic of ['asker/answers', 'a', '/', 'cmd/gw', 'cmd/gw/pump/result', 'cmd/other/pump', ' ']) {
    assert.equal(why(topic), undefined, topic)
  }
})

test('nor is what the commands come on: the answer would come back as a command', () => {
  const loops: readonly (readonly [string, string])[] = [
    ['cmd/gw/valve', 'cmd/gw/+'],
    ['cmd/gw/valve', 'cmd/#'],
    ['cmd', 'cmd/#'],
    ['cmd/gw/valve', '#'],
    ['cmd/gw/valve', '$share/gateways/cmd/gw/+'],
    ['cmd/gw/valve', '$queue/cmd/gw/+'],
    ['cmd/gw/valve', '$q/cmd/gw/+'],
    // A queue whose filter only the broker knows.
    ['cmd/gw/pump', '$queue/cmd-gw'],
  ]
  for (const [topic, subscribed] of loops) assert.match(why(topic, subscribed) ?? '', /commands come on it/, subscribed)
  assert.equal(why('cmd/gw/a/b', 'cmd/gw/+'), undefined)
  assert.equal(why('cmd/gw/valve', '$queue/cmd-gw'), undefined)
})

test('nor is what other gateways get as commands, or what this one publishes', () => {
  const settings = parseSettings(
    JSON.stringify({
      version: 1,
      gateway: { id: 'gw' },
      connections: { plc: { type: 'modbus-tcp', host: '127.0.0.1' } },
      devices: { boiler: { connection: 'plc', points: { setpoint: { address: 0, type: 'int16', access: 'rw' } } } },
      commands: { pump: { write: 'boiler.setpoint', verify: 'none' } },
      uplinks: {
        plain: { type: 'mqtt', url: 'mqtt://127.0.0.1', client_id: 'a', commands: {} },
        queue: { type: 'mqtt', url: 'mqtt://127.0.0.1', client_id: 'b', commands: { preset: 'emqx-6.1.1' } },
      },
    }),
    'config.yaml',
    { env: {}, hostname: 'box', serialFolder: '/nonexistent' },
  ).settings
  assert.equal(settings.uplinks.length, 2)
  for (const uplink of settings.uplinks) {
    const { subscribe = '', everyGateway = '' } = uplink.commands ?? {}
    const taken = { delivery, commands: [subscribe, everyGateway], own: publishedBy(uplink) }
    assert.match(unusableBecause('tidegate/other/command/pump', taken) ?? '', /commands come on it/)
    for (const topic of [
      'boiler/data',
      'event',
      'command/pump/result',
      'state',
      'info',
      'health',
      'devices',
      'boiler/availability',
    ]) {
      assert.match(unusableBecause(`tidegate/gw/${topic}`, taken) ?? '', /itself publishes/, topic)
    }
    assert.equal(unusableBecause('tidegate/asker/answers', taken), undefined)
  }
})
