import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { type IPublishPacket, parser as makeParser, type Packet } from 'mqtt-packet'
import { type BrokerConnection, ScriptedBroker } from '../../support/broker.ts'
import { Mosquitto } from '../../support/mosquitto.ts'
import { needs } from '../../support/needs.ts'
import { until } from '../../support/until.ts'
import { withCommands } from '../rig.ts'
import { openSession } from './opened.ts'

const command: IPublishPacket = {
  cmd: 'publish',
  topic: 'cmd/gw/setpoint',
  payload: '61',
  qos: 1,
  dup: false,
  retain: false,
}

async function connected(t: TestContext, protocol: 5 | 3 = 5) {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const opened = await openSession(t, broker.url, { settings: { ...withCommands, protocol } })
  const connection = broker.current
  assert.ok(connection)
  return { ...opened, broker, connection }
}

/** "cmd id" of the answers that come on a connection from now on. */
function answersOn(connection: BrokerConnection): string[] {
  const answers: string[] = []
  const parser = makeParser({ protocolVersion: connection.version })
  parser.on('packet', (packet: Packet) => answers.push(`${packet.cmd} ${packet.messageId}`))
  connection.socket.on('data', (data) => parser.parse(data))
  return answers
}

test('where the sender wants the result, and what it wants back with it, come with the delivery', async (t) => {
  const { deliveries, connection } = await connected(t)
  const properties = { responseTopic: 'backend/7/results', correlationData: Buffer.from([1, 0, 255]) }
  connection.send({ ...command, messageId: 1, properties })
  connection.send({ ...command, messageId: 2 })
  await until(() => deliveries.length === 2, { what: 'two deliveries' })
  assert.equal(deliveries[0]?.responseTopic, 'backend/7/results')
  assert.deepEqual([...(deliveries[0]?.correlationData ?? [])], [1, 0, 255])
  assert.equal(deliveries[1] && 'responseTopic' in deliveries[1], false)
  assert.equal(deliveries[1] && 'correlationData' in deliveries[1], false)
})

test('topics that the server sends as numbers are understood', async (t) => {
  const { deliveries, connection, closings } = await connected(t)
  assert.equal(connection.connect?.properties?.topicAliasMaximum, 64)
  const other = 'cmd/gw/pump'
  const sent: [string, number][] = [
    ['cmd/gw/setpoint', 1],
    ['', 1],
    [other, 64],
    ['', 1],
    ['', 64],
    [other, 1],
    ['', 1],
  ]
  sent.forEach(([topic, topicAlias], index) => {
    connection.send({ ...command, topic, messageId: index + 1, properties: { topicAlias } })
  })
  await until(() => deliveries.length === sent.length, { what: 'all deliveries' })
  const { topic } = command
  assert.deepEqual(
    deliveries.map((delivery) => delivery.topic),
    [topic, topic, other, topic, other, other, other],
  )
  assert.equal(deliveries[0]?.redelivery?.split('|')[1], deliveries[1]?.redelivery?.split('|')[1])
  assert.deepEqual(closings, [])
})

for (const protocol of [5, 3] as const) {
  const version = protocol === 5 ? 'MQTT 5' : 'MQTT 3.1.1'

  test(`deliveries at QoS 2 are received when they are durable, in their order among the others (${version})`, async (t) => {
    const { deliveries, connection, closings } = await connected(t, protocol)
    const answers = answersOn(connection)
    connection.send({ ...command, messageId: 7, qos: 2 })
    connection.send({ ...command, messageId: 8, qos: 1 })
    connection.send({ ...command, messageId: 9, qos: 2 })
    await until(() => deliveries.length === 3, { what: 'three deliveries' })
    deliveries[2]?.confirm()
    deliveries[1]?.confirm()
    assert.ok(deliveries[0]?.redelivery)
    connection.send({ cmd: 'pubrel', messageId: 1_000 })
    // Whatever comes after an answer to the last packet has been waited for.
    await until(() => answers.length > 0, { what: 'an answer' })
    assert.deepEqual(answers, ['pubcomp 1000'])
    deliveries[0]?.confirm()
    await until(() => answers.length === 4, { what: 'the answers' })
    assert.deepEqual(answers.slice(1), ['pubrec 7', 'puback 8', 'pubrec 9'])
    connection.send({ cmd: 'pubrel', messageId: 7 })
    connection.send({ cmd: 'pubrel', messageId: 9 })
    await until(() => answers.length === 6, { what: 'the ends' })
    assert.deepEqual(answers.slice(4), ['pubcomp 7', 'pubcomp 9'])
    // The id is free again.
    connection.send({ ...command, messageId: 7, qos: 1 })
    await until(() => deliveries.length === 4, { what: 'the next delivery' })
    deliveries[3]?.confirm()
    await until(() => answers.length === 7, { what: 'its answer' })
    assert.equal(answers[6], 'puback 7')
    assert.deepEqual(closings, [])
  })
}

test('more deliveries at QoS 2 than the Receive Maximum, one after the other, do not end the session', async (t) => {
  const { deliveries, connection, closings } = await connected(t)
  const answers = answersOn(connection)
  const count = withCommands.commands.receiveMaximum * 3
  for (let id = 1; id <= count; id++) connection.send({ ...command, messageId: id, qos: 2 })
  await until(() => deliveries.length === count, { what: 'all deliveries' })
  for (const delivery of deliveries) delivery.confirm()
  for (let id = 1; id <= count; id++) connection.send({ cmd: 'pubrel', messageId: id })
  await until(() => answers.length === 2 * count, { what: 'all answers' })
  assert.deepEqual(closings, [])
})

test('a session that somebody else began at QoS 2 under our id is served (mosquitto)', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start()
  t.after(() => broker.close())
  const properties = { sessionExpiryInterval: 3_600 }
  const other = await connectAsync(broker.url, { clientId: 'gw', clean: false, protocolVersion: 5, properties })
  await other.subscribeAsync('cmd/gw/+', { qos: 2 })
  await other.endAsync()
  const backend = await connectAsync(broker.url, { protocolVersion: 5 })
  t.after(() => backend.endAsync())
  const count = 30
  for (let n = 1; n <= count; n++) await backend.publishAsync('cmd/gw/setpoint', `${n}`, { qos: 2 })
  const first = await openSession(t, broker.url, { settings: withCommands })
  assert.equal(first.session.sessionResumed, true)
  // mosquitto sends no more than its own limit until some are answered.
  const confirmed = new Set<string>()
  await until(
    () => {
      for (const delivery of first.deliveries) {
        confirmed.add(Buffer.from(delivery.payload).toString())
        delivery.confirm()
      }
      return confirmed.size === count
    },
    { what: 'all deliveries' },
  )
  assert.equal(first.deliveries.length, count)
  await first.session.close()
  const second = await openSession(t, broker.url, { settings: withCommands })
  await backend.publishAsync('cmd/gw/setpoint', 'last', { qos: 2 })
  await until(() => second.deliveries.length > 0, { what: 'the next one' })
  assert.equal(Buffer.from(second.deliveries[0]?.payload ?? []).toString(), 'last')
})
