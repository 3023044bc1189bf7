import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WatchLine } from '../../src/device-api.ts'
import type { DeviceSettings } from '../../src/settings.ts'
import { pointPattern, Watchers } from '../../src/workbench/watchers.ts'

function device(name: string, points: Readonly<Record<string, string | undefined>>): DeviceSettings {
  const all = Object.entries(points).map(([point, unit]) => ({ name: point, unit }))
  return { name, points: all } as unknown as DeviceSettings
}

const devices = [device('meter-1', { voltage: 'V', energy: 'Wh' }), device('pump', { speed: undefined })]

test('a pattern means points, or devices with all their points', () => {
  const cases: readonly [pattern: string, matching: string[]][] = [
    ['*', ['meter-1.voltage', 'meter-1.energy', 'pump.speed']],
    ['meter-1', ['meter-1.voltage', 'meter-1.energy']],
    ['meter-?', ['meter-1.voltage', 'meter-1.energy']],
    ['*.voltage', ['meter-1.voltage']],
    ['*.*e*', ['meter-1.voltage', 'meter-1.energy', 'pump.speed']],
    ['pump.speed', ['pump.speed']],
    ['pum', []],
    ['pump.spee', []],
    ['meter[1]', []],
  ]
  const names = devices.flatMap(({ name, points }) => points.map((point) => `${name}.${point.name}`))
  for (const [pattern, matching] of cases) assert.deepEqual(names.filter(pointPattern(pattern)), matching, pattern)
})

test('who watches is told what matches, with units, and nothing after the end', () => {
  const watchers = new Watchers(devices, () => 1000)
  const lines: WatchLine[] = []
  const stop = watchers.watch('meter-1', (line) => lines.push(line))
  watchers.heard({
    device: 'meter-1',
    mono: 5,
    samples: [
      { point: 'voltage', error: 'timeout' },
      { point: 'energy', value: 18446744073709551615n },
    ],
  })
  watchers.heard({ device: 'pump', mono: 5, samples: [{ point: 'speed', value: 1 }] })
  watchers.happened({ event: 'device_offline', device: 'meter-1', reason: 'timeout' })
  watchers.happened({ event: 'device_offline', device: 'pump', reason: 'timeout' })
  stop()
  watchers.heard({ device: 'meter-1', mono: 6, samples: [{ point: 'voltage', value: 1 }] })
  assert.deepEqual(lines, [
    { watching: { devices: 1, points: 2 } },
    { ts: 1000, device: 'meter-1', point: 'voltage', error: 'timeout' },
    { ts: 1000, device: 'meter-1', point: 'energy', value: '18446744073709551615', unit: 'Wh' },
    { ts: 1000, device: 'meter-1', event: 'device_offline', reason: 'timeout' },
  ])
})

test('a pattern that no point has is refused', () => {
  const watchers = new Watchers(devices, () => 0)
  assert.throws(() => watchers.watch('boiler', () => {}), { code: 'unknown_device', message: /called like "boiler"/ })
})
