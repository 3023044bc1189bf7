import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { Aedes } from 'aedes'
import { MqttTransport } from '../../../../src/uplink/mqtt/mqtt.ts'
import { ScriptedBroker } from '../../../support/broker.ts'
import { BrokerProgram } from '../../../support/broker-program.ts'
import { nats } from '../../../support/nats.ts'
import { needs } from '../../../support/needs.ts'
import { startRabbitMq } from '../../../support/rabbitmq.ts'
import { mqttSettings } from '../../../support/uplink-settings.ts'
import { tryOnce } from './try.ts'

/** A broker that knows 3.1.1 only and says so to MQTT 5 in this way. */
async function oldBroker(refuse: 'code 132' | 'code 1' | 'cut') {
  const broker = await ScriptedBroker.start()
  broker.greet = ({ protocolVersion }, connection) => {
    if (protocolVersion !== 5) return 'accept'
    if (refuse === 'cut') return 'cut'
    return () => {
      // With properties as MQTT 5 has it, or as MQTT 3.1.1 does.
      const answer = refuse === 'code 132' ? [0x20, 3, 0, 0x84, 0] : [0x20, 2, 0, 1]
      connection.socket.end(Uint8Array.from(answer))
    }
  }
  return broker
}

for (const refuse of ['code 132', 'code 1', 'cut'] as const) {
  test(`a server that answers MQTT 5 with ${refuse} gets 3.1.1, where that is allowed, and the status says so`, async (t) => {
    const broker = await oldBroker(refuse)
    t.after(() => broker.close())
    const trial = await tryOnce(broker.url, { fallback: true })
    assert.equal(trial.fate, 'accepted', trial.closed?.detail)
    assert.deepEqual(trial.shortfalls, ['protocol_3'])
    const without = await tryOnce(broker.url, { fallback: false })
    assert.match(without.closed?.reason ?? '', /^(refused_132|refused_1|connack_cut)$/)
    assert.match(without.closed?.hint ?? '', /5, 3\.1\.1/)
    // The second had no other try.
    assert.deepEqual(
      broker.connections.map(({ connect }) => connect?.protocolVersion),
      [5, 4, 5],
    )
  })
}

test('what a server speaks is remembered for as long as it goes well', async (t) => {
  const broker = await oldBroker('code 132')
  t.after(() => broker.close())
  const transport = new MqttTransport(mqttSettings(broker.url, { fallback: true }))
  const connect = () => transport.connect({ onDelivery() {}, onClosed() {} }, new AbortController().signal)
  const versions = () => broker.connections.map(({ connect }) => connect?.protocolVersion)
  await (await connect()).close()
  await (await connect()).close()
  assert.deepEqual(versions(), [5, 4, 4])
  // It was replaced by one that knows 5.
  broker.connackCode = 3
  await assert.rejects(connect())
  broker.connackCode = 0
  broker.greet = () => 'accept'
  const session = await connect()
  assert.deepEqual(session.shortfalls, [])
  await session.close()
  assert.deepEqual(versions(), [5, 4, 4, 4, 5])
})

test('a connection that broke right after CONNECT says nothing about the server: the next one is MQTT 5 again', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.greet = (_, { number }) => (number === 1 ? 'cut' : 'accept')
  const transport = new MqttTransport(mqttSettings(broker.url, { fallback: true }))
  for (let life = 0; life < 3; life++) {
    const session = await transport.connect({ onDelivery() {}, onClosed() {} }, new AbortController().signal)
    await session.close()
  }
  assert.deepEqual(
    broker.connections.map(({ connect }) => connect?.protocolVersion),
    [5, 4, 5, 5],
  )
})

test('a refusal for another reason is no reason to speak 3.1.1', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackCode = 0x86
  const { closed } = await tryOnce(broker.url, { fallback: true })
  assert.equal(closed?.reason, 'refused_134')
  assert.equal(broker.connections.length, 1)
})

test('aedes, which knows 3.1.1 only', async (t) => {
  const aedes = await Aedes.createBroker()
  const server = createServer(aedes.handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    await new Promise<void>((resolve) => aedes.close(() => resolve()))
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const trial = await tryOnce(`mqtt://127.0.0.1:${address.port}`, { fallback: true })
  assert.equal(trial.fate, 'accepted', trial.closed?.detail)
  assert.deepEqual(trial.shortfalls, ['protocol_3'])
})

const others = {
  'nats-server': async () => {
    const broker = await BrokerProgram.start(nats)
    return { broker, close: () => broker.close() }
  },
  'rabbitmq-server': startRabbitMq,
}

for (const program of ['nats-server', 'rabbitmq-server'] as const) {
  test(`${program}: MQTT 5 is tried first, 3.1.1 serves, and without a permission the hint names it`, async (t) => {
    if (!needs(t, program)) return
    const { broker, close } = await others[program]()
    t.after(close)
    const connectTimeoutMs = 30_000
    const trial = await tryOnce(broker.url, { fallback: true, connectTimeoutMs })
    assert.equal(trial.fate, 'accepted', trial.closed?.detail)
    const insisting = await tryOnce(broker.url, { fallback: false, connectTimeoutMs })
    // Some of their later versions know MQTT 5.
    if (trial.shortfalls.length === 0) assert.equal(insisting.fate, 'accepted')
    else assert.match(insisting.closed?.hint ?? '', /5, 3\.1\.1/)
  })
}
