import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScriptedBroker } from '../../support/broker.ts'
import { until } from '../../support/until.ts'
import { startUplink } from '../rig.ts'
import { caCertificate, clientCertificate, clientKey, serverCertificate, serverKey } from './certificates.ts'

const server = { cert: serverCertificate, key: serverKey }

test('records go over TLS to a server that our authority vouches for', async (t) => {
  const broker = await ScriptedBroker.start({ tls: server })
  t.after(() => broker.close())
  const tls = { ca: caCertificate, serverName: 'server.test', rejectUnauthorized: true }
  const { feed } = startUplink(t, broker.url, { settings: { tls } })
  feed.append(500)
  await until(() => feed.pending === 0, { what: 'all records acknowledged' })
  assert.equal(broker.stored.length, 500)
})

test('a client certificate opens a server that demands one', async (t) => {
  const broker = await ScriptedBroker.start({ tls: { ...server, ca: caCertificate, requestCert: true } })
  t.after(() => broker.close())
  const trust = { ca: caCertificate, serverName: 'server.test', rejectUnauthorized: true }
  const without = startUplink(t, broker.url, { settings: { tls: trust, clientId: 'without' } })
  await until(() => without.uplink.status().connectFailures > 0 || without.links.includes('down cut'), {
    what: 'the refusal',
  })
  const tls = { ...trust, cert: clientCertificate, key: clientKey }
  const { feed } = startUplink(t, broker.url, { settings: { tls } })
  feed.append(10)
  await until(() => feed.pending === 0, { what: 'all records acknowledged' })
})

test('a server that nobody vouches for, or with another name, never gets a CONNECT, and we wait for a human', async (t) => {
  const broker = await ScriptedBroker.start({ tls: server })
  t.after(() => broker.close())
  const strangers = [
    { serverName: 'server.test', rejectUnauthorized: true },
    { ca: caCertificate, serverName: 'other.test', rejectUnauthorized: true },
  ]
  for (const tls of strangers) {
    const { uplink } = startUplink(t, broker.url, { settings: { tls, password: 'secret', username: 'gw' } })
    await until(() => uplink.status().nextTryInMs !== undefined, { what: 'the refusal' })
    assert.equal(uplink.status().problem?.code, 'tls')
    assert.ok((uplink.status().nextTryInMs ?? 0) > 50_000)
  }
  assert.ok(broker.connections.every(({ connect }) => connect === undefined))
})

test('a key that cannot be read is a problem in the status, not a crash', async (t) => {
  const broker = await ScriptedBroker.start({ tls: server })
  t.after(() => broker.close())
  const tls = { ca: caCertificate, cert: clientCertificate, key: 'not a key', rejectUnauthorized: true }
  const { uplink } = startUplink(t, broker.url, { settings: { tls } })
  await until(() => uplink.status().nextTryInMs !== undefined, { what: 'the failure' })
  assert.equal(uplink.status().problem?.code, 'tls')
})

test('a server that does not speak TLS is given up in time', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.deaf = true
  const { uplink } = startUplink(t, broker.url.replace('mqtt:', 'mqtts:'), { settings: { connectTimeoutMs: 100 } })
  await until(() => uplink.status().connectFailures > 0, { what: 'the timeout' })
  assert.equal(uplink.status().problem?.code, 'tls_timeout')
})
