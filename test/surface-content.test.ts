import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandSettings } from '../src/command-settings.ts'
import type { Settings } from '../src/settings.ts'
import {
  availabilityText,
  configDigest,
  devicesText,
  healthText,
  infoText,
  type Verdicts,
  verdictsText,
} from '../src/surface-content.ts'
import { deviceWith, pointWith, tcpSettings } from './support/bus-settings.ts'
import { statusOf, uplinkOf } from './support/status.ts'
import { mqttSettings } from './support/uplink-settings.ts'

const command: CommandSettings = {
  key: 'boiler-setpoint',
  target: { type: 'point', device: 'boiler', point: 'setpoint', verify: 'read_back' },
  mode: 'last_value',
  expiresAfterMs: 3_600_000,
  waitingMax: 1_000,
  repeatable: true,
  acceptRetained: false,
}
const boiler = deviceWith({
  name: 'boiler',
  profile: 'acme/boiler',
  labels: { room: '12' },
  points: [
    pointWith({ name: 'setpoint', type: 'int16', access: 'rw', unit: '°C', min: 10, max: 80 }),
    pointWith({ name: 'serial', type: 'string', intervalMs: 0, schedule: '0 * * * *' }),
    pointWith({ name: 'pump', type: 'bit', invalid: [1n] }),
  ],
})
const meter = deviceWith({ name: 'meter', points: [pointWith({ name: 'energy', type: 'uint64', kind: 'counter' })] })

function settings(changes: Partial<Settings> = {}): Settings {
  return {
    gateway: { id: 'gw', labels: {}, clock: 'auto' },
    connections: [tcpSettings([boiler, meter])],
    commands: [command],
    uplinks: [mqttSettings('mqtts://cloud', { username: 'u', password: 'hush' })],
    outbox: {
      commitIntervalMs: 1_000,
      maxAgeMs: 1,
      maxSizeBytes: 1,
      minFreeDiskBytes: 0,
      whenFull: 'drop_oldest',
      keepDeliveredMs: 0,
    },
    inbox: { keepHistoryMs: 1 },
    ...changes,
  }
}

test('info says what the gateway is and which commands it takes, and no secret', () => {
  const text = infoText(settings(), { version: '1.2.3', node: '24.0.0', epoch: '17-3f9a2c1b', config: 'abc' })
  assert.deepEqual(JSON.parse(text), {
    gateway: 'gw',
    version: '1.2.3',
    node: '24.0.0',
    epoch: '17-3f9a2c1b',
    config: 'abc',
    uplinks: [{ name: 'cloud', type: 'mqtt', format: 'json', order: 'oldest_first', delivery: 'at_least_once' }],
    commands: [
      {
        key: 'boiler-setpoint',
        device: 'boiler',
        point: 'setpoint',
        mode: 'last_value',
        expires_after_ms: 3_600_000,
        verify: 'read_back',
      },
    ],
  })
  assert.doesNotMatch(text, /hush/)
})

test('info says of every kind of command what it does, and of a program only that it runs one', () => {
  const value = { oneOf: ['red', 'green'], max: 9 }
  const target = { type: 'exec', program: '/opt/hush', args: ['hush', '{value}'], value, timeoutMs: 1_000 } as const
  const targets: readonly CommandSettings['target'][] = [
    { type: 'group', device: 'boiler', points: [{ name: 's', point: 'setpoint' }], verify: 'none' },
    { type: 'message', device: 'boiler', text: 'SHOW {value}', value: { pattern: '[a-z]+' } },
    { type: 'gateway', verb: 'read_now' },
    target,
  ]
  const commands = targets.map((one): CommandSettings => ({ ...command, key: one.type, target: one, mode: 'queue' }))
  const text = infoText(settings({ commands }), { version: '1', node: '24', epoch: '1-a', config: 'abc' })
  const told = JSON.parse(text) as { commands: unknown[] }
  const common = { mode: 'queue', expires_after_ms: 3_600_000 }
  assert.deepEqual(told.commands, [
    { key: 'group', device: 'boiler', points: [{ name: 's', point: 'setpoint' }], verify: 'none', ...common },
    { key: 'message', device: 'boiler', message: 'SHOW {value}', value: { pattern: '[a-z]+' }, ...common },
    { key: 'gateway', gateway: 'read_now', ...common },
    { key: 'exec', exec: true, value: { one_of: ['red', 'green'], max: 9 }, ...common },
  ])
  assert.doesNotMatch(text, /hush/)
})

describe('devices', () => {
  test('have their points with unit, access and what their values are in JSON', () => {
    assert.deepEqual(JSON.parse(devicesText([tcpSettings([boiler])])), {
      devices: [
        {
          device: 'boiler',
          connection: 'lan',
          type: 'modbus-tcp',
          profile: 'acme/boiler',
          labels: { room: '12' },
          points: [
            {
              point: 'setpoint',
              type: 'number',
              unit: '°C',
              access: 'rw',
              kind: 'gauge',
              min: 10,
              max: 80,
              interval_ms: 1_000,
            },
            { point: 'serial', type: 'string', access: 'ro', kind: 'gauge', schedule: '0 * * * *' },
            { point: 'pump', type: 'boolean', access: 'ro', kind: 'gauge', interval_ms: 1_000 },
          ],
        },
      ],
    })
  })

  test('are only those the uplink wants', () => {
    const { devices } = JSON.parse(devicesText([tcpSettings([boiler, meter])], ['meter'])) as { devices: unknown[] }
    assert.equal(devices.length, 1)
  })
})

test('availability has the reason while the device is offline', () => {
  assert.equal(availabilityText({ state: 'online', reason: 'timeout' }), '{"state":"online"}')
  assert.equal(availabilityText({ state: 'offline', reason: 'timeout' }), '{"state":"offline","reason":"timeout"}')
  assert.equal(availabilityText({ state: 'unknown' }), '{"state":"unknown"}')
})

describe('health', () => {
  test('has the numbers of the status', () => {
    assert.deepEqual(JSON.parse(healthText(statusOf(), 1_763_683_200_123.4)), {
      ts: 1_763_683_200_123,
      state: 'ok',
      attention: [],
      uptime_ms: 12 * 86_400_000 + 4 * 3_600_000,
      connections: { 'bus-a': 'open' },
      devices: { online: 1, offline: 0, unknown: 0 },
      uplinks: { cloud: { state: 'online', pending: 0, delivered: 100, dropped: 0, rejected: 0 } },
      outbox: { used_bytes: 212 * 1024 ** 2, max_bytes: 4 * 1024 ** 3, in_memory: 3 },
      inbox: { waiting: 0 },
      storage: { state: 'ok' },
    })
  })

  test('names what is wrong, but not without end', () => {
    const offline = Array.from({ length: 30 }, (_, index) => ({
      name: `d${index}`,
      connection: 'bus-a',
      state: 'offline' as const,
      sinceMs: 0,
      points: [],
    }))
    const uplinks = [
      uplinkOf({ paused: true, pending: 7, oldestPendingAgeMs: 9.6 }),
      uplinkOf({ name: 'billing', state: 'offline', problem: { code: 'tls', message: 'certificate expired' } }),
    ]
    const attention = Array.from({ length: 13 }, (_, index) => `sentence ${index}`)
    const text = healthText(statusOf({ clockKnown: false, devices: offline, uplinks, attention }), 0)
    const health = JSON.parse(text) as ReturnType<typeof JSON.parse>
    assert.equal(health.clock, 'unsynced')
    assert.equal(health.state, 'attention')
    assert.equal(health.attention.length, 10)
    assert.equal(health.attention_more, 3)
    assert.equal(health.devices.offline, 30)
    assert.equal(health.devices.names_offline.length, 20)
    assert.deepEqual(
      [health.uplinks.cloud.state, health.uplinks.cloud.oldest_ms, health.uplinks.billing.problem],
      ['paused', 10, 'tls'],
    )
  })
})

describe('verdicts', () => {
  const good: Verdicts = {
    connections: [{ name: 'bus', state: 'open' }],
    devices: [{ name: 'boiler', state: 'online' }],
    uplinks: [{ name: 'cloud', state: 'online' }],
    storage: { state: 'ok' },
    clockKnown: true,
    isFull: false,
  }
  const problem = { code: 'tcp', message: 'no route', hint: 'look' }
  const bad: readonly [what: string, Partial<Verdicts>][] = [
    ['a connection that failed', { connections: [{ name: 'bus', state: 'failed', problem }] }],
    ['damaged replies', { connections: [{ name: 'bus', state: 'open', suspicion: problem }] }],
    ['a silent device', { devices: [{ name: 'boiler', state: 'offline' }] }],
    ['an uplink that is down', { uplinks: [{ name: 'cloud', state: 'offline' }] }],
    ['an uplink that cannot send', { uplinks: [{ name: 'cloud', state: 'online', problem }] }],
    ['an uplink that lacks something', { uplinks: [{ name: 'cloud', state: 'online', shortfalls: [problem] }] }],
    ['a failing disk', { storage: { state: 'failing' } }],
    ['a clock nobody vouches for', { clockKnown: false }],
    ['a full outbox', { isFull: true }],
  ]
  for (const [what, change] of bad) {
    test(`${what} changes them`, () => assert.notEqual(verdictsText({ ...good, ...change }), verdictsText(good)))
  }

  test('another try to connect does not', () => {
    const offline = verdictsText({ ...good, uplinks: [{ name: 'cloud', state: 'offline' }] })
    assert.equal(verdictsText({ ...good, uplinks: [{ name: 'cloud', state: 'connecting' }] }), offline)
  })
})

describe('the digest of the configuration', () => {
  test('changes with it', () => {
    const digest = configDigest(settings())
    assert.match(digest, /^[0-9a-f]{16}$/)
    assert.equal(configDigest(settings()), digest)
    assert.notEqual(configDigest(settings({ commands: [] })), digest)
    assert.notEqual(configDigest(settings({ connections: [tcpSettings([boiler])] })), digest)
  })

  test('does not give a secret away', () => {
    const digest = configDigest(settings())
    const tls = { rejectUnauthorized: true, psk: { identity: 'gw', key: new Uint8Array([1]) } }
    for (const changes of [{ username: 'v' }, { password: 'hushhush' }, { tls }]) {
      const uplinks = [mqttSettings('mqtts://cloud', { username: 'u', password: 'hush', ...changes })]
      assert.equal(configDigest(settings({ uplinks })), digest)
    }
  })
})
