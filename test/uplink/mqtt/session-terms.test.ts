import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServerTerms } from '../../../src/uplink/mqtt/opening/phase.ts'
import { sessionExpirySeconds, sessionTerms, unsubscribable, unusable } from '../../../src/uplink/mqtt/session-terms.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { withCommands } from '../rig.ts'

const settings = mqttSettings('mqtt://broker', { topicAliases: true })
const server: ServerTerms = { version: 5, sessionPresent: false }
const nothingLearned = { topicAliases: true }

test('a server that says nothing allows what the protocol allows, but no aliases', () => {
  assert.deepEqual(sessionTerms(server, settings, nothingLearned), {
    version: 5,
    windowMax: 65_000,
    packetBytesMax: 268_435_455,
    batchBytesMax: 268_435_455,
    topicAliasMax: 0,
    qosMax: 1,
    retainAvailable: true,
    sessionPresent: false,
    hasWill: false,
    shortfalls: [],
  })
})

test('the smallest counts of what the server says, what it was seen to mean, and what the protocol can', () => {
  const terms = (announced: Partial<ServerTerms>, learned: object) =>
    sessionTerms({ ...server, ...announced }, settings, { ...nothingLearned, ...learned })
  assert.equal(terms({ receiveMaximum: 20 }, { windowMax: 30 }).windowMax, 20)
  assert.equal(terms({ receiveMaximum: 20 }, { windowMax: 10 }).windowMax, 10)
  assert.equal(terms({ receiveMaximum: 65_535 }, {}).windowMax, 65_000)
  assert.equal(terms({ maximumPacketSize: 5_000 }, { packetBytesMax: 499 }).packetBytesMax, 499)
  assert.equal(terms({ maximumPacketSize: 400 }, { packetBytesMax: 499 }).packetBytesMax, 400)
  const configured = sessionTerms(
    { ...server, maximumPacketSize: 500 },
    { ...settings, packetBytesMax: 300 },
    nothingLearned,
  )
  assert.equal(configured.packetBytesMax, 300)
  assert.equal(terms({}, { batchBytesMax: 250 }).batchBytesMax, 250)
  assert.equal(terms({ topicAliasMaximum: 10 }, {}).topicAliasMax, 10)
  assert.equal(terms({ topicAliasMaximum: 10 }, { topicAliases: false }).topicAliasMax, 0)
  const without = { ...settings, topicAliases: false }
  assert.equal(sessionTerms({ ...server, topicAliasMaximum: 10 }, without, nothingLearned).topicAliasMax, 0)
})

test('without retained messages the surface topics are sent and what is missing is told', () => {
  const surface = { state: 'tidegate/gw/state' }
  const poor = { ...server, retainAvailable: false }
  const terms = sessionTerms(poor, { ...settings, surface }, nothingLearned)
  assert.equal(terms.retainAvailable, false)
  assert.deepEqual(
    terms.shortfalls.map(({ reason }) => reason),
    ['no_retain'],
  )
  assert.deepEqual(sessionTerms(poor, settings, nothingLearned).shortfalls, [])
})

test('a session that the server keeps shorter than asked is told to those who expect commands', () => {
  const short = { ...server, sessionExpirySeconds: 60 }
  const [shortfall] = sessionTerms(short, { ...settings, ...withCommands }, nothingLearned).shortfalls
  assert.equal(shortfall?.reason, 'session_expiry')
  assert.match(shortfall.detail, /for 60 s, not 3600 s/)
  assert.deepEqual(sessionTerms(short, settings, nothingLearned).shortfalls, [])
  const long = { ...server, sessionExpirySeconds: 3_600 }
  assert.deepEqual(sessionTerms(long, { ...settings, ...withCommands }, nothingLearned).shortfalls, [])
})

test('a session expiry longer than the protocol can say is for ever', () => {
  assert.equal(sessionExpirySeconds({ sessionExpiryMs: 1_500 }), 2)
  assert.equal(sessionExpirySeconds({ sessionExpiryMs: 1e16 }), 0xffff_ffff)
})

test('a server that acknowledges nothing serves only those who want no acknowledgements', () => {
  const poor = { ...server, maximumQoS: 0 }
  const closed = unusable(poor, settings)
  assert.equal(closed?.hurry, 'slow')
  assert.match(closed.detail, /QoS not supported \(0x9b\)/)
  assert.match(closed.hint ?? '', /delivery: at_most_once/)
  assert.equal(unusable(poor, { delivery: 'at_most_once' }), undefined)
  assert.equal(unusable({ ...server, maximumQoS: 1 }, settings), undefined)
  const terms = sessionTerms(poor, { ...settings, delivery: 'at_most_once' }, nothingLearned)
  assert.equal(terms.qosMax, 0)
  assert.deepEqual(
    terms.shortfalls.map(({ reason }) => reason),
    ['no_qos_1'],
  )
})

test('a subscription that would end the connection is not tried', () => {
  const poor = { ...server, wildcardSubscriptions: false, sharedSubscriptions: false }
  assert.equal(unsubscribable(poor, 'cmd/gw/+')?.reason, 'subscribe_162')
  assert.equal(unsubscribable(poor, '$share/g/cmd')?.reason, 'subscribe_158')
  assert.equal(unsubscribable(poor, 'cmd/gw/setpoint'), undefined)
  assert.equal(unsubscribable(server, '$share/g/cmd/+'), undefined)
})
