/** The examples in docs/uplinks/surface.md are what the gateway says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Settings } from '../../src/settings.ts'
import { devicesText, healthText, infoText } from '../../src/surface-content.ts'
import { outageRecord } from '../../src/uplink/outage.ts'
import { deviceWith, pointWith, rtuSettings } from '../support/bus-settings.ts'
import { statusOf, uplinkOf } from '../support/status.ts'
import { mqttSettings } from '../support/uplink-settings.ts'
import { blocksOf, pageText } from './pages.ts'

const boiler = deviceWith({
  name: 'boiler',
  profile: 'acme/boiler',
  labels: { room: '12' },
  points: [
    pointWith({ name: 'supply_temp', unit: '°C', intervalMs: 5_000 }),
    pointWith({ name: 'setpoint', unit: '°C', access: 'rw', min: 10, max: 80, intervalMs: 60_000 }),
  ],
})
const connections = [rtuSettings([boiler], { name: 'bus-a' })]
const settings: Settings = {
  gateway: { id: 'plant7-gw01', labels: { site: 'plant 7' }, clock: 'auto' },
  connections,
  commands: [
    {
      key: 'boiler-setpoint',
      target: { type: 'point', device: 'boiler', point: 'setpoint', verify: 'read_back' },
      mode: 'last_value',
      expiresAfterMs: 3_600_000,
      repeatable: true,
      acceptRetained: false,
      waitingMax: 1_000,
    },
  ],
  uplinks: [mqttSettings('mqtt://cloud')],
  outbox: {
    commitIntervalMs: 1_000,
    maxAgeMs: 1,
    maxSizeBytes: 1,
    minFreeDiskBytes: 0,
    whenFull: 'drop_oldest',
    keepDeliveredMs: 0,
  },
  inbox: { keepHistoryMs: 1 },
}

test('the page shows what is sent', () => {
  const shown = blocksOf(pageText('docs/uplinks/surface.md')).map(({ text }): unknown => JSON.parse(text))
  const said = [
    infoText(settings, { version: '0.1.0', node: '24.11.0', epoch: '17-3f9a2c1b', config: '5d41402abc4b2a76' }),
    devicesText(connections),
    healthText(status(), 1_763_683_200_123),
    `{${outage()}}`,
  ]
  assert.deepEqual(
    shown,
    said.map((text): unknown => JSON.parse(text)),
  )
})

function status() {
  const { devices, outbox } = statusOf()
  const silent = { name: 'boiler', connection: 'bus-a', state: 'offline', sinceMs: 0, points: [] } as const
  const billing = {
    name: 'billing',
    state: 'offline',
    problem: { code: 'tls', message: 'certificate expired' },
    pending: 268,
    oldestPendingAgeMs: 8_040_000,
    delivered: 9,
  } as const
  return statusOf({
    uptimeMs: 5_600,
    devices: [...devices, silent],
    uplinks: [uplinkOf(), uplinkOf(billing)],
    outbox: { ...outbox, usedBytes: 1_153_434, maxBytes: 1024 ** 3 },
    storage: { state: 'ok', file: 'x', freeBytes: 9e9, writtenBytes: 3 * 1024 ** 2 },
    attention: ['device boiler is silent (timeout)'],
  })
}

function outage(): string {
  const report = { reason: 'tcp', cuts: 1, durationMs: 41_250, late: 86, unanswered: 3, missing: 0 }
  return outageRecord(report, { uplink: 'cloud', mono: 0 }).body
}
