import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LastValues } from '../../src/lastvalue/lastvalue.ts'
import type { Sample } from '../../src/model.ts'
import type { DeviceSettings } from '../../src/settings.ts'

const boiler = {
  name: 'boiler',
  points: [{ name: 'temp', unit: '°C' }, { name: 'total' }],
} as unknown as DeviceSettings

function lastValues(mono: number, ...samples: Sample[]): LastValues {
  const values = new LastValues([boiler])
  values.offer({ device: 'boiler', samples, mono })
  return values
}

test('a point that was never read is unknown', () => {
  assert.deepEqual(new LastValues([boiler]).values('boiler', 100), [
    { name: 'temp', quality: 'unknown', unit: '°C' },
    { name: 'total', quality: 'unknown' },
  ])
})

test('a value has its age, unit and all its digits', () => {
  const values = lastValues(60, { point: 'total', value: 18446744073709551615n }, { point: 'temp', value: 61.3 })
  assert.deepEqual(values.values('boiler', 100), [
    { name: 'temp', value: 61.3, quality: 'good', unit: '°C', ageMs: 40 },
    { name: 'total', value: '18446744073709551615', quality: 'good', ageMs: 40 },
  ])
})

test('an error takes the place of the value', () => {
  const values = lastValues(60, { point: 'temp', value: 61.3 })
  values.offer({ device: 'boiler', samples: [{ point: 'temp', error: 'timeout' }], mono: 70 })
  assert.deepEqual(values.values('boiler', 100)[0], {
    name: 'temp',
    error: 'timeout',
    quality: 'bad',
    unit: '°C',
    ageMs: 30,
  })
})

test('what a silent device said last is stale until it speaks again, an error stays an error', () => {
  const values = lastValues(60, { point: 'temp', value: 61.3 }, { point: 'total', error: 'crc' })
  values.markOffline('boiler')
  const qualities = () => values.values('boiler', 100).map((point) => point.quality)
  assert.deepEqual(qualities(), ['stale', 'bad'])
  assert.equal(values.values('boiler', 100)[0]?.value, 61.3)
  values.offer({ device: 'boiler', samples: [{ point: 'temp', value: 62 }], mono: 80 })
  assert.deepEqual(qualities(), ['good', 'bad'])
})

test('an older reading does not replace a newer one', () => {
  const values = lastValues(60, { point: 'temp', value: 61.3 })
  values.offer({ device: 'boiler', samples: [{ point: 'temp', value: 1 }], mono: 59 })
  assert.equal(values.values('boiler', 100)[0]?.value, 61.3)
})

test('what is not configured is not kept', () => {
  const values = lastValues(60, { point: 'ghost', value: 1 })
  values.offer({ device: 'ghost', samples: [{ point: 'temp', value: 1 }], mono: 60 })
  values.markOffline('ghost')
  assert.deepEqual(values.values('ghost', 100), [])
  assert.equal(
    values.values('boiler', 100).some((point) => point.quality !== 'unknown'),
    false,
  )
})
