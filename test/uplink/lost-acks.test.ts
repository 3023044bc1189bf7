import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Reaction, ScriptedBroker } from '../support/broker.ts'
import { hurriedClock } from '../support/hurried-clock.ts'
import { account } from '../support/mqtt-checker.ts'
import { until } from '../support/until.ts'
import { startUplink } from './rig.ts'
import { seqsIn } from './scripted-session.ts'

const WINDOW = 20

const troubles: readonly [string, Reaction][] = [
  ['before storing', 'cut'],
  ['after storing and before the acknowledgement', 'store-and-cut'],
  ['in the middle of an acknowledgement', 'half-ack-and-reset'],
]

for (const [when, trouble] of troubles) {
  for (const protocol of [5, 3] as const) {
    const version = protocol === 5 ? 'MQTT 5' : 'MQTT 3.1.1'
    test(`a connection that breaks ${when} costs duplicates, at most a window each time, never a record (${version})`, async (t) => {
      const broker = await ScriptedBroker.start()
      t.after(() => broker.close())
      broker.react = () => (broker.publishes % 97 === 0 ? trouble : 'ack')
      // The pauses after so many breaks are some seconds long.
      const clock = hurriedClock(50)
      const settings = { window: WINDOW, protocol, ackTimeoutMs: 1_000_000 } as const
      const { uplink, feed } = startUplink(t, broker.url, { settings, clock })
      feed.append(1_000)
      await until(() => feed.pending === 0, { what: 'the backlog to drain', timeoutMs: 30_000 })
      const breaks = broker.connections.length - 1
      assert.ok(breaks >= 8, `${breaks} breaks`)
      const { missing, duplicates, inOrder } = account(
        broker.stored.flatMap(({ payload }) => seqsIn(payload)),
        1_000,
      )
      assert.deepEqual(missing, [])
      assert.ok(inOrder)
      assert.ok(duplicates <= breaks * WINDOW, `${duplicates} duplicates after ${breaks} breaks`)
      if (trouble !== 'cut') assert.ok(duplicates > 0)
      assert.equal(uplink.status().inFlight, 0)
      // A new session has new packet ids: nothing is a retransmission in the sense of MQTT.
      assert.ok(broker.stored.every(({ dup }) => !dup))
    })
  }
}

test('a broker that stores but never answers loses nothing: the session is renewed', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = (_, connection) => (connection.number === 1 ? 'hold' : 'ack')
  const { feed, links } = startUplink(t, broker.url, { settings: { window: WINDOW, ackTimeoutMs: 200 } })
  feed.append(100)
  await until(() => feed.pending === 0, { what: 'the backlog to drain' })
  assert.deepEqual(links, ['up connected', 'down ack_timeout', 'up resumed'])
  const { missing, duplicates } = account(
    broker.stored.flatMap(({ payload }) => seqsIn(payload)),
    100,
  )
  assert.deepEqual(missing, [])
  assert.equal(duplicates, WINDOW)
})

test('a half-open connection is found by the missing acknowledgement', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { feed, links } = startUplink(t, broker.url, { settings: { ackTimeoutMs: 200, connectTimeoutMs: 200 } })
  await until(() => links.length === 1, { what: 'a session' })
  broker.deaf = true
  feed.append(1)
  await until(() => links.includes('down ack_timeout'), { what: 'the timeout' })
  broker.deaf = false
  await until(() => feed.pending === 0, { what: 'the record to arrive' })
})

test('a half-open connection without traffic is found by the missing ping response', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.answersPing = false
  const { links } = startUplink(t, broker.url, { settings: { keepaliveMs: 1_000 } })
  await until(() => links.includes('down keepalive'), { what: 'the keepalive timeout' })
})

test('noise from the server ends the session and nothing else', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { feed, links } = startUplink(t, broker.url)
  await until(() => links.length === 1, { what: 'a session' })
  broker.current?.socket.write(Buffer.from([0xff, 0xff, 0x00, 0x01, 0x40]))
  await until(() => links.length === 3, { what: 'the next session' })
  assert.equal(links[1], 'down protocol')
  feed.append(1)
  await until(() => feed.pending === 0, { what: 'the record to arrive' })
})
