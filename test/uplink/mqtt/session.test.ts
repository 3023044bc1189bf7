import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parser as makeParser, type Packet } from 'mqtt-packet'
import { MqttTransport } from '../../../src/uplink/mqtt/mqtt.ts'
import { type Fate, type Message, STOPPED } from '../../../src/uplink/transport.ts'
import { ScriptedBroker } from '../../support/broker.ts'
import { Mosquitto } from '../../support/mosquitto.ts'
import { MqttChecker } from '../../support/mqtt-checker.ts'
import { needs } from '../../support/needs.ts'
import { until } from '../../support/until.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { startUplink, withCommands } from '../rig.ts'
import { openSession, published } from './opened.ts'

const TOPIC = 'tidegate/gw/boiler/data'

test('everything that belongs to a message reaches the server (MQTT 5), and what it can carry of it (3.1.1)', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const message: Message = {
    topic: TOPIC,
    payload: '{}',
    properties: { contentType: 'application/json', expirySeconds: 90, user: { site: 'plant 7' } },
    id: 'gw/1-2/3',
    retain: true,
  }
  for (const protocol of [5, 3] as const) {
    const { session } = await openSession(t, broker.url, { settings: { protocol, clientId: `gw${protocol}` } })
    assert.equal((await published(session, message)).fate, 'accepted')
  }
  const [five, three] = broker.stored
  const { contentType, messageExpiryInterval, userProperties } = five?.properties ?? {}
  assert.deepEqual(
    { contentType, messageExpiryInterval, userProperties: { ...userProperties } },
    { contentType: 'application/json', messageExpiryInterval: 90, userProperties: { site: 'plant 7', id: 'gw/1-2/3' } },
  )
  assert.deepEqual([five?.qos, five?.retain, three?.qos, three?.retain], [1, true, 1, true])
  assert.equal(three?.payload, '{}')
})

test('a message at QoS 0 is accepted when it went out, later and in order, and needs no room in the window', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { receiveMaximum: 1 }
  const { session } = await openSession(t, broker.url)
  const fates: [string, Fate['fate']][] = []
  for (let n = 1; n <= 50; n++) {
    const message: Message = { topic: TOPIC, payload: `${n}`, qos: 0 }
    session.publish(message, (fate, same) => fates.push([same.payload.toString(), fate.fate]))
  }
  assert.equal(fates.length, 0, 'a fate came during publish')
  await until(() => fates.length === 50 && broker.stored.length === 50, { what: 'all messages' })
  assert.deepEqual(
    fates,
    Array.from({ length: 50 }, (_, index) => [`${index + 1}`, 'accepted']),
  )
  assert.ok(broker.stored.every(({ qos, packetId }) => qos === 0 && packetId === 0))
})

test('at QoS 0 no fate comes after the end of the session', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { session } = await openSession(t, broker.url)
  let fates = 0
  session.publish({ topic: TOPIC, payload: '1', qos: 0 }, () => fates++)
  await session.close()
  const before = fates
  session.publish({ topic: TOPIC, payload: '2', qos: 0 }, () => fates++)
  await new Promise(setImmediate)
  assert.equal(fates, before)
  assert.equal(before, 0)
})

test('a server with QoS 0 only serves an uplink that wants no acknowledgements, and that is said', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { maximumQoS: 0 }
  const { session } = await openSession(t, broker.url, { settings: { delivery: 'at_most_once' } })
  assert.equal((await published(session, { topic: TOPIC, payload: '1' })).fate, 'accepted')
  await until(() => broker.stored.length === 1, { what: 'the message' })
  assert.equal(broker.stored[0]?.qos, 0)
  assert.deepEqual(
    session.shortfalls.map(({ reason }) => reason),
    ['no_qos_1'],
  )
})

test('topics become numbers where the server allows it, anew with each session, and nobody notices', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { topicAliasMaximum: 2 }
  const transport = new MqttTransport(mqttSettings(broker.url, { topicAliases: true }))
  const topics = ['tidegate/gw/boiler/data', 'tidegate/gw/meter/data', 'tidegate/gw/pump/data']
  for (let life = 0; life < 2; life++) {
    const { session } = await openSession(t, broker.url, { transport })
    await Promise.all([...topics, ...topics, ...topics].map((topic) => published(session, { topic, payload: '1' })))
    await session.close()
  }
  assert.deepEqual(broker.violations, [])
  assert.deepEqual(
    broker.stored.map(({ topic }) => topic),
    Array.from({ length: 6 }, () => topics).flat(),
  )
  assert.deepEqual(
    broker.stored.slice(0, 9).map(({ properties }) => properties.topicAlias),
    [undefined, undefined, undefined, 1, 2, undefined, 1, 2, undefined],
  )
})

test('mosquitto understands our topic aliases', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start(['max_inflight_messages 100'])
  t.after(() => broker.close())
  const checker = await MqttChecker.connect(broker.url, { filter: 'tidegate/#' })
  t.after(() => checker.close())
  const { session } = await openSession(t, broker.url, { settings: { topicAliases: true } })
  const topics = Array.from({ length: 20 }, (_, index) => `tidegate/gw/device ${index}/data`)
  const sent = Array.from({ length: 100 }, (_, index) => ({
    topic: topics[index % topics.length] ?? '',
    payload: `${index}`,
  }))
  await Promise.all(sent.map((message) => published(session, message)))
  await until(() => checker.messages.length === sent.length, { what: 'all messages' })
  assert.deepEqual(checker.messages, sent)
})

test('a server that announces aliases and stumbles over them is spared them from then on, and soon', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { topicAliasMaximum: 10 }
  let stumbles = 0
  broker.react = (publish) => {
    if (publish.properties?.topicAlias === undefined) return 'ack'
    stumbles += 1
    broker.disconnect(0x94)
    return 'lose'
  }
  const { feed } = startUplink(t, broker.url, {
    settings: { topicAliases: true, topics: { data: 'tidegate/{device}/data', event: 'e', result: 'r/{key}' } },
  })
  feed.append(20)
  await until(() => feed.pending === 0, { what: 'the backlog to drain' })
  assert.ok(stumbles > 0)
  assert.equal(broker.connections.length, 2)
})

test('a server that feels flooded gets half as much at a time', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = (_, connection) => {
    if (connection.unanswered <= 10) return 'hold'
    broker.disconnect(0x93)
    return 'lose'
  }
  const { uplink, feed } = startUplink(t, broker.url, { settings: { window: 40 } })
  feed.append(100)
  await until(
    () => {
      broker.release()
      return feed.pending === 0
    },
    { what: 'the backlog to drain' },
  )
  assert.ok(uplink.status().window <= 10, `window ${uplink.status().window}`)
})

const surface = { state: 'tidegate/gw/state' }
const trouble = { reason: 'ack_timeout', detail: 'as the test says', hurry: 'soon' } as const

test('the will is there, and a server that keeps no retained messages gets one that is not retained', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { retainAvailable: false }
  broker.greet = (connect) => {
    broker.connackCode = connect.will?.retain ? 0x9a : 0
    return 'accept'
  }
  const { uplink, links } = startUplink(t, broker.url, { settings: { surface } })
  await until(() => links.length > 0, { what: 'a session' })
  assert.deepEqual(
    broker.connections.map(({ connect }) => connect?.will?.retain),
    [true, false],
  )
  const { topic, payload, qos } = broker.current?.connect?.will ?? {}
  assert.deepEqual([topic, payload?.toString(), qos], [surface.state, '{"state":"offline"}', 1])
  assert.equal(uplink.status().connectFailures, 1)
})

test('who leaves because of trouble leaves the will behind, who stops does not', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const bytes: Buffer[] = []
  const farewell = async (protocol: 5 | 3, because: typeof trouble | typeof STOPPED) => {
    const { session } = await openSession(t, broker.url, { settings: { protocol, surface } })
    bytes.length = 0
    broker.current?.socket.on('data', (data) => bytes.push(data))
    await session.close(because)
    return [...Buffer.concat(bytes)]
  }
  assert.deepEqual(await farewell(5, STOPPED), [0xe0, 0])
  assert.deepEqual(await farewell(5, trouble), [0xe0, 1, 4])
  assert.deepEqual(await farewell(3, STOPPED), [0xe0, 0])
  assert.deepEqual(await farewell(3, trouble), [])
})

test('mosquitto says offline for a gateway that went because of trouble or without a word', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start()
  t.after(() => broker.close())
  const checker = await MqttChecker.connect(broker.url, { filter: 'tidegate/gw/state' })
  t.after(() => checker.close())
  const offline = { topic: surface.state, payload: '{"state":"offline"}' }
  for (const [index, protocol] of ([5, 3] as const).entries()) {
    const { session } = await openSession(t, broker.url, { settings: { protocol, surface } })
    await session.close(trouble)
    await until(() => checker.messages.length === index + 1, { what: 'the will' })
  }
  const { session } = await openSession(t, broker.url, { settings: { surface } })
  await session.close(STOPPED)
  await checker.publish(surface.state, 'after')
  await until(() => checker.messages.at(-1)?.payload === 'after', { what: 'the end' })
  assert.deepEqual(checker.messages, [offline, offline, { topic: surface.state, payload: 'after' }])
})

test('a refused subscription is a shortfall: records go all the same', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.subackCode = 0x87
  const { session } = await openSession(t, broker.url, { settings: withCommands })
  assert.equal((await published(session, { topic: TOPIC, payload: '1' })).fate, 'accepted')
  assert.deepEqual(
    session.shortfalls.map(({ reason }) => reason),
    ['subscribe_135'],
  )
})

test('a wildcard that the server does not know is not even tried', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { wildcardSubscriptionAvailable: false }
  broker.answersSubscribe = false
  const { session } = await openSession(t, broker.url, { settings: withCommands })
  assert.deepEqual(
    session.shortfalls.map(({ reason }) => reason),
    ['subscribe_162'],
  )
})

test('a server that ends the connection at a subscription still gets the records', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.answersSubscribe = false
  broker.greet = (_, connection) => (accept) => {
    accept()
    const parser = makeParser({ protocolVersion: 5 })
    parser.on('packet', ({ cmd }: Packet) => {
      if (cmd === 'subscribe') connection.socket.end()
    })
    connection.socket.on('data', (data) => parser.parse(data))
  }
  const { feed, uplink } = startUplink(t, broker.url, { settings: withCommands })
  feed.append(10)
  await until(() => feed.pending === 0, { what: 'the backlog to drain' })
  assert.equal(uplink.status().connectFailures, 2)
})

test('a subscription that is answered is made at once by every session', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const transport = new MqttTransport(mqttSettings(broker.url, withCommands))
  for (let life = 0; life < 4; life++) {
    const { session } = await openSession(t, broker.url, { transport })
    assert.deepEqual(session.shortfalls, [])
    await session.close()
  }
})
