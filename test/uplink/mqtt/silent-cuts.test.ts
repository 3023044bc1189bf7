import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScriptedBroker } from '../../support/broker.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { until } from '../../support/until.ts'
import { startUplink } from '../rig.ts'
import { openSession } from './opened.ts'

const LIMIT = 16_384

/** MQTT 3.1.1: it cannot say how much it takes, so it ends the connection at what is larger. */
async function silentBroker() {
  const broker = await ScriptedBroker.start()
  broker.react = ({ length = 0 }) => (length > LIMIT ? 'cut' : 'ack')
  return broker
}

test('batches that a silent server does not take become smaller, and no record is refused', async (t) => {
  const broker = await silentBroker()
  t.after(() => broker.close())
  const batch = { recordsMax: 500, bytesMax: 131_072, waitMaxMs: 100 }
  const feed = new MemoryFeed({ async: true })
  feed.append(1_000, { body: `"device":"d","values":{"s":"${'x'.repeat(200)}"}` })
  startUplink(t, broker.url, { settings: { protocol: 3, batch }, feed })
  await until(() => feed.pending === 0, { what: 'the backlog to drain' })
  assert.deepEqual(feed.rejectedRecords, [])
  assert.ok(broker.stored.length < 500, 'they are still batches')
})

test('a record that a silent server does not take is given up after some sessions, and only that one', async (t) => {
  const broker = await silentBroker()
  t.after(() => broker.close())
  const feed = new MemoryFeed({ async: true })
  feed.append(30)
  feed.append(1, { body: `"device":"d","values":{"s":"${'x'.repeat(20_000)}"}` })
  feed.append(30)
  startUplink(t, broker.url, { settings: { protocol: 3 }, feed })
  await until(() => feed.pending === 0, { what: 'the backlog to drain', timeoutMs: 60_000 })
  assert.deepEqual(
    feed.rejectedRecords.map(({ seq }) => seq),
    [31],
  )
  assert.match(feed.rejectedRecords[0]?.reason ?? '', /ended the connection again and again with this message/)
  const arrived = new Set(broker.stored.map(({ payload }) => payload))
  assert.equal(arrived.size, 60)
})

test('a topic at which a silent server cuts costs three records at most', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = ({ topic }) => (topic === 't/d/data' ? 'cut' : 'ack')
  const feed = new MemoryFeed({ async: true })
  feed.append(100)
  const { uplink } = startUplink(t, broker.url, { settings: { protocol: 3 }, feed })
  const problem = await until(() => uplink.status().problem ?? uplink.status().shortfalls?.[0], { what: 'a problem' })
  assert.match(problem.code, /^(cut|cut_again|tcp)$/)
  await until(() => broker.connections.length >= 5, { what: 'five sessions', timeoutMs: 60_000 })
  assert.ok(feed.rejectedRecords.length <= 3)
  assert.ok(feed.pending >= 97)
})

test('what max_packet of the configuration does not allow is not sent', async (t) => {
  const broker = await silentBroker()
  t.after(() => broker.close())
  const feed = new MemoryFeed({ async: true })
  feed.append(1, { body: `"device":"d","values":{"s":"${'x'.repeat(20_000)}"}` })
  feed.append(10)
  startUplink(t, broker.url, { settings: { protocol: 3, packetBytesMax: LIMIT }, feed })
  await until(() => feed.pending === 0, { what: 'the backlog to drain' })
  assert.equal(broker.connections.length, 1)
  assert.deepEqual(
    feed.rejectedRecords.map(({ seq }) => seq),
    [1],
  )
})

test('acknowledgements do not put off the ping while we send nothing', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const waiting: (() => void)[] = []
  broker.react = () => (publish) => void waiting.push(() => publish.answer())
  const { session } = await openSession(t, broker.url, { settings: { keepaliveMs: 2_000 } })
  for (let number = 0; number < 40; number++) session.publish({ topic: 't', payload: 'x' }, () => {})
  await until(() => waiting.length === 40, { what: 'the publishes' })
  const trickle = setInterval(() => waiting.shift()?.(), 250)
  t.after(() => clearInterval(trickle))
  await until(() => broker.pings > 0 || waiting.length === 0, {
    what: 'a ping, or the last acknowledgement',
    timeoutMs: 30_000,
  })
  assert.ok(broker.pings > 0)
})
