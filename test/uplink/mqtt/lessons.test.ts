import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connackClosed, disconnectClosed } from '../../../src/uplink/mqtt/fates.ts'
import { Lessons, type Unanswered } from '../../../src/uplink/mqtt/lessons.ts'
import type { Closed } from '../../../src/uplink/transport.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'

const settings = mqttSettings('mqtt://broker', { surface: { state: 'tidegate/gw/state' } })

function unanswered(changes: Partial<Unanswered> = {}): Unanswered {
  return {
    inFlight: 0,
    topicAliases: false,
    largestInFlight: () => undefined,
    answeredBytes: 0,
    suspectAnswered: false,
    ...changes,
  }
}

const packet = (bytes: number) => () => ({ bytes, fullBytes: bytes, topic: 't/boiler/data' })

test('the will says offline on the state topic, retained and at QoS 1', () => {
  const lessons = new Lessons(settings)
  const will = lessons.will(5)
  assert.deepEqual(will, {
    topic: 'tidegate/gw/state',
    payload: Buffer.from('{"state":"offline"}'),
    qos: 1,
    retain: true,
  })
  assert.equal(new Lessons(mqttSettings('mqtt://broker')).will(5), undefined)
  const typed = new Lessons({ ...settings, properties: { ...settings.properties, contentType: true } })
  assert.deepEqual(typed.will(5)?.properties, { contentType: 'application/json' })
  assert.equal(typed.will(4)?.properties, undefined)
})

test('a server that refuses the will because it is retained, or because of its QoS, gets one that it can take, at once', () => {
  const lessons = new Lessons(settings)
  assert.equal(lessons.refused(connackClosed(0x9a)).hurry, 'soon')
  assert.equal(lessons.refused(connackClosed(0x9b)).hurry, 'soon')
  const { retain, qos } = lessons.will(5) ?? {}
  assert.deepEqual({ retain, qos }, { retain: false, qos: 0 })
  // It was not the will, then.
  assert.equal(lessons.refused(connackClosed(0x9a)).hurry, 'slow')
  assert.equal(lessons.refused(connackClosed(0x9b)).hurry, 'slow')
  assert.equal(lessons.refused(connackClosed(0x87)).hurry, 'slow')
  assert.equal(new Lessons(mqttSettings('mqtt://broker')).refused(connackClosed(0x9a)).hurry, 'slow')
})

test('of a refused size one byte less is tried, and half of it where several records share it', () => {
  const lessons = new Lessons({ ...settings, batch: { recordsMax: 100, bytesMax: 262_144, waitMaxMs: 200 } })
  const limits = () => [lessons.limits.packetBytesMax, lessons.limits.batchBytesMax]
  lessons.ended(disconnectClosed(0x95), unanswered({ largestInFlight: packet(262_144) }))
  assert.deepEqual(limits(), [262_143, 131_072])
  lessons.ended(disconnectClosed(0x95), unanswered({ largestInFlight: packet(131_072) }))
  assert.deepEqual(limits(), [131_071, 65_536])
  // A record for itself.
  lessons.ended(disconnectClosed(0x95), unanswered({ largestInFlight: packet(130_000) }))
  assert.deepEqual(limits(), [129_999, 65_536])
})

test('of a refused size one byte less is tried; of a refused number half', () => {
  const lessons = new Lessons(settings)
  lessons.ended(disconnectClosed(0x95), unanswered({ largestInFlight: packet(500) }))
  assert.equal(lessons.limits.packetBytesMax, 499)
  lessons.ended(disconnectClosed(0x95), unanswered())
  assert.equal(lessons.limits.packetBytesMax, 499)
  for (const windowMax of [16, 8]) {
    lessons.ended(disconnectClosed(0x93), unanswered({ inFlight: 2 * windowMax }))
    assert.equal(lessons.limits.windowMax, windowMax)
  }
  lessons.ended(disconnectClosed(0x93), unanswered({ inFlight: 1 }))
  assert.equal(lessons.limits.windowMax, 1)
})

test('a server that stumbles over topic aliases gets no more of them; without aliases it was something else', () => {
  for (const code of [0x81, 0x82, 0x94]) {
    const lessons = new Lessons(settings)
    assert.equal(lessons.ended(disconnectClosed(code), unanswered()).hurry, 'slow')
    assert.equal(lessons.limits.topicAliases, true)
    assert.equal(lessons.ended(disconnectClosed(code), unanswered({ topicAliases: true })).hurry, 'soon')
    assert.equal(lessons.limits.topicAliases, false)
  }
})

test('an end without a lesson changes nothing', () => {
  const lessons = new Lessons(settings)
  const before = lessons.limits
  const closed = disconnectClosed(0x8b)
  assert.equal(lessons.ended(closed, unanswered({ inFlight: 100, largestInFlight: packet(100) })), closed)
  assert.deepEqual(lessons.limits, before)
})

test('a subscription at which connections end is put off for some minutes until it is answered', () => {
  const lessons = new Lessons(settings)
  const delays = [0, 0, 180_000, 180_000]
  for (const delay of delays) {
    assert.equal(lessons.subscribeDelayMs, delay)
    lessons.subscribing()
  }
  lessons.subscribed(false)
  assert.equal(lessons.subscribeDelayMs, 0)
})

test('one that was granted before is put off later: on a bad link connections end there by chance', () => {
  const lessons = new Lessons(settings)
  lessons.subscribing()
  lessons.subscribed(true)
  for (const delay of [0, 0, 0, 0, 0, 0, 180_000, 180_000]) {
    assert.equal(lessons.subscribeDelayMs, delay)
    lessons.subscribing()
  }
})

test('cuts without a word make batches smaller, soon, and the reason says so', () => {
  const lessons = new Lessons({ ...settings, batch: { recordsMax: 100, bytesMax: 262_144, waitMaxMs: 200 } })
  const cut: Closed = { reason: 'cut', detail: 'cut', hurry: 'soon' }
  const again: Closed = { ...cut, reason: 'cut_again', pauseMinMs: 2_000 }
  const sent = unanswered({ largestInFlight: packet(20_000) })
  assert.equal(lessons.ended(cut, sent), cut)
  assert.equal(lessons.ended(cut, sent), cut)
  const learned = lessons.ended(again, sent)
  assert.equal(learned.reason, 'cut_again')
  assert.equal(learned.pauseMinMs, undefined)
  assert.match(learned.detail, /too large for it, messages of several records stay below 10000 bytes from now on$/)
  assert.equal(lessons.limits.batchBytesMax, 10_000)
  assert.equal(lessons.limits.packetBytesMax, undefined, 'no record is refused for it')
})
