import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Limit, limitsOf } from '../../../src/cli/send-test/announced.ts'
import type { ServerTerms } from '../../../src/uplink/mqtt/opening/phase.ts'
import type { MqttSettings } from '../../../src/uplink-settings.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'

function limits(terms: Partial<ServerTerms>, changes: Partial<MqttSettings> = {}, roundTripMs?: number): Limit[] {
  const uplink = mqttSettings('mqtt://127.0.0.1', { window: 1000, ...changes })
  return limitsOf({ version: 5, sessionPresent: false, ...terms }, uplink, roundTripMs)
}

function limit(what: string, ...rest: Parameters<typeof limits>): Limit | undefined {
  return limits(...rest).find((one) => one.what === what)
}

describe('messages in flight', () => {
  test('a limit below the window, and what it comes to over this link', () => {
    assert.deepEqual(limit('in flight', { receiveMaximum: 20 }, {}, 40), {
      what: 'in flight',
      value: '20 messages',
      meaning: 'less than window (1 000); over this link at most 500 messages/s',
    })
  })

  test('the window where it is the smaller one', () => {
    assert.deepEqual(limit('in flight', { receiveMaximum: 1 }, { window: 1 })?.value, '1 message')
    assert.equal(limit('in flight', { receiveMaximum: 5000 })?.meaning, 'window (1 000) counts')
    assert.equal(limit('in flight', {})?.value, 'no limit')
  })

  test('a broker on the same machine limits no rate', () => {
    assert.equal(limit('in flight', {}, { window: 1 }, 0)?.meaning, 'window (1) counts')
    assert.equal(limit('in flight', {}, { window: 1 }, 1.99)?.meaning, 'window (1) counts')
    assert.match(limit('in flight', {}, { window: 1 }, 2)?.meaning ?? '', /at most 500 messages\/s$/)
  })

  test('at most once nothing is in flight', () => {
    assert.equal(limit('in flight', { receiveMaximum: 20 }, { delivery: 'at_most_once' }, 40), undefined)
  })
})

test('the size of a packet, and batches that are larger', () => {
  assert.equal(limit('packet', {})?.value, 'no limit')
  assert.deepEqual(limit('packet', { maximumPacketSize: 1_048_576 }), {
    what: 'packet',
    value: '1 MiB',
    meaning: 'a larger record is rejected',
  })
  const batch = { recordsMax: 10, bytesMax: 262_144, waitMaxMs: 100 }
  assert.equal(
    limit('packet', { maximumPacketSize: 16_384 }, { batch })?.meaning,
    'batches end there, before max_bytes (256 KiB); a larger record is rejected',
  )
  assert.equal(limit('packet', { maximumPacketSize: 1_048_576 }, { batch })?.meaning, 'a larger record is rejected')
})

test('what does not matter to an uplink is left out', () => {
  const quiet = { retainAvailable: false, topicAliasMaximum: 10, maximumQoS: 1, sessionExpirySeconds: 1 }
  assert.deepEqual(
    limits(quiet, { topicAliases: false }).map(({ what }) => what),
    ['in flight', 'packet'],
  )
})

test('what does is told', () => {
  assert.equal(limit('QoS', { maximumQoS: 0 })?.value, '0 at most')
  assert.equal(limit('retain', { retainAvailable: false }, { surface: { state: 't/state' } })?.value, 'no')
  assert.equal(limit('topic aliases', {}, { topicAliases: true })?.value, 'none')
  assert.equal(limit('topic aliases', { topicAliasMaximum: 65_535 }, { topicAliases: true })?.value, '65 535')
  assert.equal(limit('keep-alive', { serverKeepAliveSeconds: 15 })?.value, '15 s')
  assert.equal(limit('keep-alive', { serverKeepAliveSeconds: 0 })?.value, 'none')
  assert.equal(limit('client id', { assignedClientId: 'auto-1' })?.value, 'auto-1')
})
