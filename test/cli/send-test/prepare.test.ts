import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepare } from '../../../src/cli/send-test/prepare.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'

const commands = { subscribe: 'cmd/gw/+', key: { from: 'topic', level: -1 }, receiveMaximum: 50 } as const
const canary = { topic: 'cmd/gw/canary', everyMs: 60_000 }
const uplink = mqttSettings('mqtt://a.example', {
  urls: ['mqtt://a.example', 'mqtt://b.example'],
  clientId: 'plant7-gw01',
  surface: { state: 'tidegate/plant7-gw01/state' },
  topics: { data: 'x', event: 'tidegate/plant7-gw01/event', result: 'y' },
  commands: { ...commands, canary },
})

test('the gateway is left alone: another client id, no session, no will, no canary, a topic of its own', () => {
  const { settings, topic, remarks } = prepare(uplink, 'mqtt://b.example', { asGateway: false })
  assert.equal(settings.clientId, 'plant7-gw01-send-test')
  assert.deepEqual(settings.urls, ['mqtt://b.example'])
  assert.equal(settings.sessionExpiryMs, 0)
  assert.deepEqual(settings.surface, {})
  assert.deepEqual(settings.commands, commands)
  assert.equal(topic, 'tidegate/plant7-gw01/send-test')
  assert.deepEqual(remarks, [])
})

test('as the gateway, everything is as it is', () => {
  const { settings } = prepare(uplink, 'mqtt://a.example', { asGateway: true })
  assert.deepEqual(settings, { ...uplink, urls: ['mqtt://a.example'] })
})

test('what a queue gives is given to one subscriber only, so the test does not become one', () => {
  for (const subscribe of ['$queue/cmd-gw', '$q/cmd/gw', '$share/one/cmd/gw']) {
    const queued = { ...uplink, commands: { ...commands, subscribe } }
    const { settings, remarks } = prepare(queued, 'mqtt://a.example', { asGateway: false })
    assert.equal(settings.commands, undefined)
    assert.equal(remarks.length, 1)
    assert.ok(remarks[0]?.includes(subscribe))
    assert.equal(prepare(queued, 'mqtt://a.example', { asGateway: true }).settings.commands?.subscribe, subscribe)
  }
})

test('the topic of the test', () => {
  const asked = prepare(uplink, 'mqtt://a.example', { asGateway: false, topic: 'mine/own' })
  assert.equal(asked.topic, 'mine/own')
  const flat = { ...uplink, topics: { ...uplink.topics, event: 'events' } }
  assert.equal(prepare(flat, 'mqtt://a.example', { asGateway: false }).topic, 'send-test')
})
