import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitName } from '../../../src/cli/devices/names.ts'
import { typedValue } from '../../../src/cli/devices/value.ts'
import type { PointFacts } from '../../../src/device-api.ts'

const facts = (type: PointFacts['type'], more: Partial<PointFacts> = {}): PointFacts => ({
  point: 'setpoint',
  type,
  access: 'rw',
  ...more,
})

test('a typed value becomes what the point takes', () => {
  assert.equal(typedValue(facts('int16'), '-5'), -5)
  assert.equal(typedValue(facts('float32'), '1.5e3'), 1500)
  assert.equal(typedValue(facts('uint16'), '0x10'), 16)
  assert.equal(typedValue(facts('uint64'), '18446744073709551615'), '18446744073709551615')
  assert.equal(typedValue(facts('string'), '12'), '12')
  for (const on of ['true', 'on', '1', 'YES']) assert.equal(typedValue(facts('bool'), on), true)
  for (const off of ['false', 'off', '0', 'no']) assert.equal(typedValue(facts('bit'), off), false)
})

test('what the point cannot take is refused, with what it can', () => {
  const refused = (given: PointFacts, text: string, message: RegExp) =>
    assert.throws(() => typedValue(given, text), { code: 'usage', message })
  refused(facts('int16'), 'warm', /"warm" is no number/)
  refused(facts('int16'), '', /no number/)
  refused(facts('bool'), '2', /neither true nor false/)
})

test('a name has a device, and may have a point', () => {
  assert.deepEqual(splitName('meter'), { device: 'meter' })
  assert.deepEqual(splitName('meter.voltage'), { device: 'meter', point: 'voltage' })
  for (const wrong of ['', '.', 'meter.', '.voltage', 'a.b.c']) assert.throws(() => splitName(wrong), { code: 'usage' })
})
