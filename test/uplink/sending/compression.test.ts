import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import type { Message } from '../../../src/uplink/transport.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { until } from '../../support/until.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock } from '../manual-clock.ts'
import { ScriptedSession, seqsIn } from '../scripted-session.ts'

function setUp(count: number, batch: { recordsMax: number }) {
  const clock = new ManualClock()
  const feed = new MemoryFeed({ async: true })
  feed.append(count)
  const settings = mqttSettings('mqtt://unused', {
    window: 10,
    batch: { bytesMax: 100_000, waitMaxMs: 0, gzip: true, ...batch },
  })
  const sender = new Sender(settings, { feed, clock, log: silentLogger, random: () => 0.999 })
  const messages: Message[] = []
  const session = new ScriptedSession()
  const publish = session.publish.bind(session)
  session.publish = (message, onFate) => {
    messages.push(message)
    publish(message, onFate)
  }
  return { sender, feed, session, messages }
}

const text = ({ payload }: Message) => (typeof payload === 'string' ? payload : gunzipSync(payload).toString())

test('batches are compressed, stay in order, and say so', async () => {
  const { sender, feed, session, messages } = setUp(2_000, { recordsMax: 50 })
  session.answers = () => pubackFate(0)
  sender.open(session)
  await until(() => feed.pending === 0, { what: 'all delivered' })
  assert.deepEqual(
    messages.flatMap((message) => seqsIn(text(message))),
    Array.from({ length: 2_000 }, (_, index) => index + 1),
  )
  assert.ok(messages.every(({ payload }) => typeof payload !== 'string'))
  assert.ok(messages.every(({ properties }) => properties?.user?.['content-encoding'] === 'gzip'))
  assert.ok(sender.counts.bytes < messages.reduce((sum, message) => sum + text(message).length, 0) / 2)
})

test('what does not get smaller goes as it is', async () => {
  const { sender, feed, session, messages } = setUp(3, { recordsMax: 1 })
  session.answers = () => pubackFate(0)
  sender.open(session)
  await until(() => feed.pending === 0, { what: 'all delivered' })
  assert.ok(messages.every(({ payload, properties }) => typeof payload === 'string' && !properties?.user))
})

test('what was being compressed when the session ended comes again', async () => {
  const { sender, feed, session } = setUp(500, { recordsMax: 50 })
  sender.open(session)
  await until(() => session.sent.length > 0, { what: 'a message' })
  sender.close()
  const second = new ScriptedSession()
  second.answers = () => pubackFate(0)
  sender.open(second)
  await until(() => feed.pending === 0, { what: 'all delivered' })
  assert.equal(sender.inFlightRecords, 0)
})

test('a compressed batch that is rejected is tried record by record', async () => {
  const { sender, feed, session, messages } = setUp(20, { recordsMax: 10 })
  session.answers = (message) =>
    seqsIn(text(message)).includes(13) ? { fate: 'rejected', reason: 'payload format invalid (0x99)' } : pubackFate(0)
  sender.open(session)
  await until(() => feed.pending === 0, { what: 'all settled' })
  assert.deepEqual(
    feed.rejectedRecords.map(({ seq }) => seq),
    [13],
  )
  assert.ok(messages.length >= 12)
})
