import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '../../src/uplink/command-key.ts'
import type { Delivery } from '../../src/uplink/transport.ts'
import type { CommandIntakeSettings } from '../../src/uplink-settings.ts'

function key(where: CommandIntakeSettings['key'], fields: Partial<Delivery>): string {
  const delivery = { topic: '', payload: new Uint8Array(0), retained: false, duplicate: false, userProperties: {} }
  return keyOf({ ...delivery, confirm() {}, ...fields }, where)
}

const json = (payload: string) => ({ payload: Buffer.from(payload) })

test('the key is a level of the topic, counted from the front or from the end', () => {
  const topic = 'tidegate/gw/command/setpoint'
  assert.equal(key({ from: 'topic', level: -1 }, { topic }), 'setpoint')
  assert.equal(key({ from: 'topic', level: 0 }, { topic }), 'tidegate')
  assert.equal(key({ from: 'topic', level: 4 }, { topic }), '')
  assert.equal(key({ from: 'topic', level: -5 }, { topic }), '')
})

test('the key is a user property', () => {
  assert.equal(key({ from: 'user-property', name: 'key' }, { userProperties: { key: 'setpoint' } }), 'setpoint')
  assert.equal(key({ from: 'user-property', name: 'key' }, { userProperties: { other: 'x' } }), '')
})

test('the key is at a JSON pointer, strings and numbers only', () => {
  assert.equal(key({ from: 'json', pointer: '/a/b~1c/1' }, json('{"a":{"b/c":["x","setpoint"]}}')), 'setpoint')
  assert.equal(key({ from: 'json', pointer: '/~0k' }, json('{"~k":7}')), '7')
  assert.equal(key({ from: 'json', pointer: '/k' }, json('{"k":{"x":1}}')), '')
  assert.equal(key({ from: 'json', pointer: '/k/length' }, json('{"k":"abc"}')), '')
})

test('a message without a key has the key of nothing, never one of the prototype or an exception', () => {
  assert.equal(key({ from: 'json', pointer: '/k' }, json('not json')), '')
  assert.equal(key({ from: 'json', pointer: '/constructor/name' }, json('{}')), '')
  assert.equal(key({ from: 'json', pointer: '/k' }, json('null')), '')
  assert.equal(key({ from: 'user-property', name: 'constructor' }, { userProperties: Object.create(null) }), '')
})
