import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScriptedBroker } from '../support/broker.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { account, MqttChecker } from '../support/mqtt-checker.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { startUplink } from './rig.ts'

test("the server's Receive Maximum is never exceeded, and used to the full", async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { receiveMaximum: 5 }
  broker.react = () => 'hold'
  const { uplink, feed } = startUplink(t, broker.url, { settings: { window: 50 } })
  feed.append(300)
  await until(() => broker.inFlightMax === 5, { what: 'a full window' })
  assert.equal(uplink.status().window, 5)
  await until(
    () => {
      broker.release()
      return feed.pending === 0
    },
    { what: 'the backlog to drain' },
  )
  assert.equal(broker.inFlightMax, 5)
  assert.equal(uplink.status().inFlight, 0)
})

test('our own window holds when the server names none (MQTT 3.1.1)', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = () => 'hold'
  const { feed } = startUplink(t, broker.url, { settings: { window: 7, protocol: 3 } })
  feed.append(100)
  await until(
    () => {
      broker.release()
      return feed.pending === 0
    },
    { what: 'the backlog to drain' },
  )
  assert.equal(broker.inFlightMax, 7)
})

test('a record above the Maximum Packet Size is rejected here and never sent', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { maximumPacketSize: 300 }
  const { feed } = startUplink(t, broker.url)
  feed.append(3)
  feed.append(1, { body: `"x":"${'x'.repeat(400)}"` })
  feed.append(3)
  await until(() => feed.pending === 0, { what: 'all records settled' })
  assert.deepEqual(
    feed.rejectedRecords.map(({ seq }) => seq),
    [4],
  )
  assert.equal(broker.publishes, 6)
})

const lies: readonly [string, Record<string, number>][] = [
  ['never announced', {}],
  ['announced higher than it is', { maximumPacketSize: 5_000 }],
]

for (const [how, connackProperties] of lies)
  test(`a limit that the server ${how} is learned from its DISCONNECT 0x95`, async (t) => {
    const broker = await ScriptedBroker.start()
    t.after(() => broker.close())
    broker.connackProperties = connackProperties
    broker.react = (publish) => {
      if (publish.payload.length <= 500) return 'ack'
      broker.disconnect(0x95)
      return 'lose'
    }
    const { feed, links } = startUplink(t, broker.url)
    feed.append(5)
    feed.append(1, { body: `"x":"${'x'.repeat(900)}"` })
    feed.append(5)
    await until(() => feed.pending === 0, { what: 'all records settled' })
    assert.deepEqual(
      feed.rejectedRecords.map(({ seq }) => seq),
      [6],
    )
    assert.deepEqual(links.slice(0, 2), ['up connected', 'down packet_too_large'])
  })

test("the server's keep-alive counts, not ours", async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { serverKeepAlive: 1 }
  startUplink(t, broker.url, { settings: { keepaliveMs: 60_000 } })
  await until(() => broker.pings > 0, { what: 'a ping' })
})

test('a record that is too large for mosquitto is rejected, and the others go on', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start(['message_size_limit 200'])
  t.after(() => broker.close())
  const { feed, links } = startUplink(t, broker.url)
  feed.append(3)
  feed.append(1, { body: `"x":"${'x'.repeat(300)}"` })
  feed.append(3)
  await until(() => feed.pending === 0, { what: 'all records settled' })
  assert.deepEqual(
    feed.rejectedRecords.map(({ seq }) => seq),
    [4],
  )
  assert.match(feed.rejectedRecords[0]?.reason ?? '', /packet too large/)
  assert.equal(links.length, 1, links.join())
})

test('mosquitto gets every record once and in order, in singles and in batches', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start(['max_inflight_messages 200', 'max_queued_messages 0'])
  t.after(() => broker.close())
  for (const batch of [{}, { batch: { recordsMax: 50, bytesMax: 100_000, waitMaxMs: 10 } }]) {
    const checker = await MqttChecker.connect(broker.url, { filter: 't/#' })
    const { uplink, feed } = startUplink(t, broker.url, { settings: { window: 1_000, ...batch } })
    feed.append(5_000)
    await until(() => feed.pending === 0 && checker.seqs().length >= 5_000, { what: 'all records at the checker' })
    assert.equal(uplink.status().window, 200)
    assert.deepEqual(account(checker.seqs(), 5_000), { missing: [], duplicates: 0, inOrder: true })
    await uplink.stop()
    await checker.close()
  }
})
