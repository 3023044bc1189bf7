/** One try against a scripted broker: what is seen of each step, what each failure is called, what the broker notices. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type Trial, tryUplink } from '../../../src/cli/send-test/trial.ts'
import type { MqttSettings } from '../../../src/uplink-settings.ts'
import { ScriptedBroker } from '../../support/broker.ts'
import { ConnectProxy } from '../../support/connect-proxy.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { caCertificate, serverCertificate, serverKey } from '../../uplink/mqtt/certificates.ts'

const commands = { subscribe: 'cmd/gw/+', key: { from: 'topic', level: -1 }, receiveMaximum: 50 } as const
const never = new AbortController().signal

interface Try {
  readonly settings?: Partial<MqttSettings>
  readonly asGateway?: boolean
  readonly signal?: AbortSignal
}

function tried(url: string, { settings = {}, asGateway = false, signal = never }: Try = {}): Promise<Trial> {
  const uplink = mqttSettings(url, { topics: { data: 'd', event: 't/gw/event', result: 'r' }, ...settings })
  return tryUplink({ gateway: 'gw', uplink, url }, { asGateway }, signal)
}

async function startBroker(t: TestContext, options: Parameters<typeof ScriptedBroker.start>[0] = {}) {
  const broker = await ScriptedBroker.start(options)
  t.after(() => broker.close())
  return broker
}

function stepsOf(trial: Trial): string[] {
  return trial.steps.map(({ step }) => step)
}

function failuresOf(trial: Trial): string[] {
  return trial.failures.map(({ step, code }) => `${step} ${code}`)
}

describe('a broker that takes the message', () => {
  test('the steps in their order, the limits it announced, and a message that says what it is', async (t) => {
    const broker = await startBroker(t)
    broker.connackProperties = { receiveMaximum: 10, maximumPacketSize: 2048 }
    const trial = await tried(broker.url, { settings: { commands } })
    assert.deepEqual(trial.failures, [])
    assert.equal(trial.good, true)
    assert.deepEqual(stepsOf(trial), ['tcp', 'connack', 'suback', 'puback'])
    assert.ok(trial.steps.every(({ ms }) => ms >= 0))
    assert.equal(trial.details.tcp, `127.0.0.1:${broker.port}`)
    assert.equal(trial.details.suback, 'cmd/gw/+')
    assert.equal(trial.terms?.receiveMaximum, 10)
    assert.deepEqual(
      trial.limits.map(({ value }) => value),
      ['10 messages', '2 KiB'],
    )
    const [stored, ...more] = broker.stored
    assert.deepEqual(more, [])
    assert.equal(stored?.topic, 't/gw/send-test')
    const { ts, ...said } = JSON.parse(stored?.payload ?? '')
    assert.deepEqual(said, { test: 'tidegate send-test', gateway: 'gw', uplink: 'cloud' })
    assert.equal(typeof ts, 'number')
  })

  test('it leaves in good order, and what it was there as is not the gateway', async (t) => {
    const broker = await startBroker(t)
    await tried(broker.url, { settings: { commands, surface: { state: 't/gw/state' } } })
    const connect = broker.connections[0]?.connect
    assert.equal(connect?.clientId, 'gw-send-test')
    assert.equal(connect?.will, undefined)
    assert.equal(connect?.properties?.sessionExpiryInterval ?? 0, 0)
    assert.equal(broker.disconnects, 1)
  })

  test('a 3.1.1 broker is left without a session, too', async (t) => {
    const broker = await startBroker(t)
    const trial = await tried(broker.url, { settings: { protocol: 3 } })
    assert.equal(broker.connections[0]?.connect?.clean, true)
    assert.equal(trial.details.connack, 'MQTT 3.1.1')
    assert.deepEqual(trial.limits, [])
    assert.match(trial.remarks.join('\n'), /^MQTT 3\.1\.1 cannot refuse a message/)
  })

  test('as the gateway: its client id, session and will', async (t) => {
    const broker = await startBroker(t)
    const settings = { commands, surface: { state: 't/gw/state' }, sessionExpiryMs: 7_200_000 }
    const trial = await tried(broker.url, { settings, asGateway: true })
    assert.equal(trial.good, true)
    const connect = broker.connections[0]?.connect
    assert.equal(connect?.clientId, 'gw')
    assert.equal(connect?.clean, false)
    assert.equal(connect?.will?.topic, 't/gw/state')
    assert.equal(connect?.properties?.sessionExpiryInterval, 7200)
  })

  test('commands that come meanwhile are not confirmed', async (t) => {
    const broker = await startBroker(t)
    broker.react = () => {
      broker.deliver({ topic: 'cmd/gw/pump', payload: '1' })
      return 'ack'
    }
    const trial = await tried(broker.url, { settings: { commands }, asGateway: true })
    assert.equal(trial.good, true)
    assert.equal(broker.unconfirmed(), 1)
  })

  test('a broker that has nobody to give it to', async (t) => {
    const broker = await startBroker(t)
    broker.react = () => ({ code: 0x10 })
    const trial = await tried(broker.url)
    assert.equal(trial.good, true)
    assert.match(trial.remarks.join('\n'), /^The broker said that nobody is subscribed/)
  })

  test('TLS shows what was agreed on', async (t) => {
    const broker = await startBroker(t, { tls: { cert: serverCertificate, key: serverKey } })
    const tls = { ca: caCertificate, serverName: 'server.test', rejectUnauthorized: true }
    const trial = await tried(broker.url, { settings: { tls } })
    assert.deepEqual(stepsOf(trial), ['tcp', 'tls', 'connack', 'puback'])
    assert.match(
      trial.details.tls ?? '',
      /^TLSv1\.3, .*certificate of server\.test by Tidegate test CA, until 2126-10-28$/,
    )
  })
})

describe('what fails is named by its step', () => {
  test('nobody listens', async (t) => {
    const broker = await ScriptedBroker.start()
    const { url } = broker
    await broker.close()
    const trial = await tried(url)
    assert.equal(trial.good, false)
    assert.deepEqual(failuresOf(trial), ['tcp tcp'])
    assert.deepEqual(stepsOf(trial), ['tcp'])
    assert.deepEqual(trial.remarks, [])
    t.diagnostic(trial.failures[0]?.hint ?? '')
  })

  test('a name without an address', async () => {
    const trial = await tried('mqtt://no-such-host.invalid', { settings: { connectTimeoutMs: 15_000 } })
    assert.equal(trial.failures[0]?.step, 'dns')
    assert.deepEqual(stepsOf(trial), ['dns'])
  })

  test('a proxy that wants a password', async (t) => {
    const broker = await startBroker(t)
    const proxy = await ConnectProxy.start('gw:secret')
    t.after(() => proxy.close())
    const { port } = proxy
    const without = await tried(broker.url, { settings: { proxy: { host: '127.0.0.1', port } } })
    assert.deepEqual(failuresOf(without), ['proxy proxy_auth'])
    const login = { username: 'gw', password: 'secret' }
    const trial = await tried(broker.url, { settings: { proxy: { host: '127.0.0.1', port, ...login } } })
    assert.equal(trial.good, true)
    assert.deepEqual(stepsOf(trial), ['tcp', 'proxy', 'connack', 'puback'])
  })

  test('a certificate that nobody vouches for', async (t) => {
    const broker = await startBroker(t, { tls: { cert: serverCertificate, key: serverKey } })
    const trial = await tried(broker.url, {
      settings: { tls: { serverName: 'server.test', rejectUnauthorized: true } },
    })
    assert.deepEqual(failuresOf(trial), ['tls tls'])
  })

  test('no CONNACK in time, and one that refuses', async (t) => {
    const broker = await startBroker(t)
    broker.answersConnect = false
    const silent = await tried(broker.url, { settings: { connectTimeoutMs: 100 } })
    assert.deepEqual(failuresOf(silent), ['connack connack_timeout'])
    broker.answersConnect = true
    broker.connackCode = 0x86
    assert.deepEqual(failuresOf(await tried(broker.url)), ['connack refused_134'])
  })

  test('a refused subscription, while the message is taken', async (t) => {
    const broker = await startBroker(t)
    broker.subackCode = 0x87
    const trial = await tried(broker.url, { settings: { commands } })
    assert.equal(trial.good, false)
    assert.deepEqual(failuresOf(trial), ['suback subscribe_135'])
    assert.equal(broker.stored.length, 1)
  })

  test('a message that is refused, for good or for now', async (t) => {
    const broker = await startBroker(t)
    broker.react = () => ({ code: 0x99 })
    const rejected = await tried(broker.url)
    assert.deepEqual(failuresOf(rejected), ['puback rejected'])
    assert.match(rejected.failures[0]?.message ?? '', /^t\/gw\/send-test: payload format invalid \(0x99\)/)
    broker.react = () => ({ code: 0x87 })
    const kept = await tried(broker.url)
    assert.deepEqual(failuresOf(kept), ['puback kept'])
    assert.equal(broker.disconnects, 2)
  })

  test('no answer to the message, and a connection that is cut instead of one', async (t) => {
    const broker = await startBroker(t)
    broker.react = () => 'lose'
    assert.deepEqual(failuresOf(await tried(broker.url, { settings: { ackTimeoutMs: 100 } })), ['puback ack_timeout'])
    broker.react = () => 'cut'
    assert.deepEqual(failuresOf(await tried(broker.url)), ['puback cut'])
  })

  test('ended from outside, before there was an answer', async (t) => {
    const broker = await startBroker(t)
    const stop = new AbortController()
    broker.react = () => {
      stop.abort()
      return 'lose'
    }
    assert.deepEqual(failuresOf(await tried(broker.url, { signal: stop.signal })), ['puback interrupted'])
  })
})
