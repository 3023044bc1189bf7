/** The ways to a server that nobody here wrote: TLS with certificates and with a shared key, WebSocket, proxy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { MqttSettings } from '../../../../src/uplink-settings.ts'
import { ScriptedBroker } from '../../../support/broker.ts'
import { ConnectProxy } from '../../../support/connect-proxy.ts'
import { freePort } from '../../../support/field-process.ts'
import { Mosquitto } from '../../../support/mosquitto.ts'
import { needs } from '../../../support/needs.ts'
import { until } from '../../../support/until.ts'
import { caCertificate, clientCertificate, clientKey, serverCertificate, serverKey } from '../certificates.ts'
import { tryOnce } from './try.ts'

const trust = { ca: caCertificate, serverName: 'server.test', rejectUnauthorized: true }

/** A mosquitto with a second listener; `{folder}` in the lines is where `files` are. */
async function secondListener(
  t: TestContext,
  lines: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-listener-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const port = await freePort()
  const filled = lines.map((line) => line.replaceAll('{folder}', folder))
  // It drops its privileges when root starts it, and could not read the files then.
  const broker = await Mosquitto.start(['user root', `listener ${port} 127.0.0.1`, ...filled])
  t.after(async () => {
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await until(() => takesConnections(port), { what: 'the second listener' })
  return port
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('connect', () => socket.destroy())
    socket.once('error', () => resolve(false))
  })
}

const certificateFiles = { 'ca.pem': caCertificate, 'cert.pem': serverCertificate, 'key.pem': serverKey }
const certificateLines = ['cafile {folder}/ca.pem', 'certfile {folder}/cert.pem', 'keyfile {folder}/key.pem']

for (const protocol of [5, 3] as const) {
  const version = protocol === 5 ? 'MQTT 5' : 'MQTT 3.1.1'

  test(`mosquitto, ${version}: TLS with a client certificate, and a clear word without one`, async (t) => {
    if (!needs(t, 'mosquitto')) return
    const lines = [...certificateLines, 'require_certificate true', 'use_identity_as_username true']
    const port = await secondListener(t, lines, certificateFiles)
    const url = `mqtts://127.0.0.1:${port}`
    const good = await tryOnce(url, { protocol, tls: { ...trust, cert: clientCertificate, key: clientKey } })
    assert.equal(good.fate, 'accepted')
    assert.deepEqual(good.phases, ['tcp', 'tls', 'connack'])
    const tls = good.findings.find(({ what }) => what === 'tls')
    assert.ok(tls?.what === 'tls' && /^TLSv1\.[23]$/.test(tls.protocol))
    assert.match(tls.certificate?.subject ?? '', /server\.test/)
    const { closed } = await tryOnce(url, { protocol, tls: trust })
    assert.equal(closed?.reason, 'tls')
    assert.match(closed?.hint ?? '', /tls\.cert/)
  })

  test(`mosquitto, ${version}: over a WebSocket, with the phases in order`, async (t) => {
    if (!needs(t, 'mosquitto')) return
    const port = await secondListener(t, ['protocol websockets'])
    const trial = await tryOnce(`ws://127.0.0.1:${port}`, { protocol })
    assert.equal(trial.fate, 'accepted')
    assert.deepEqual(trial.phases, ['tcp', 'websocket', 'connack'])
  })
}

test('mosquitto: a shared key instead of certificates, and what a wrong key or identity looks like', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const key = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')
  const files = { psk: `gw-1:${key.toString('hex')}\n` }
  const port = await secondListener(
    t,
    ['psk_file {folder}/psk', 'psk_hint tidegate', 'use_identity_as_username true'],
    files,
  )
  const url = `mqtts://127.0.0.1:${port}`
  const tls = (identity: string, psk: Uint8Array) => ({ rejectUnauthorized: true, psk: { identity, key: psk } })
  const good = await tryOnce(url, { tls: tls('gw-1', key) })
  assert.equal(good.fate, 'accepted')
  assert.ok(good.findings.some((finding) => finding.what === 'tls' && finding.certificate === undefined))
  for (const [identity, psk] of [
    ['gw-1', Buffer.alloc(16, 1)],
    ['gw-2', key],
  ] as const) {
    const { closed } = await tryOnce(url, { tls: tls(identity, psk) })
    assert.equal(closed?.reason, 'tls', closed?.detail)
    assert.match(closed?.hint ?? '', /tls\.psk/, closed?.detail)
  }
})

test('a server that comes with a certificate where a shared key was asked for is not spoken to', async (t) => {
  const received: string[] = []
  const server = createTlsServer({ cert: serverCertificate, key: serverKey }, (socket: TLSSocket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => received.push(data.toString('latin1')))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  // With no check at all asked for: a key that is configured has to be proved all the same.
  for (const rejectUnauthorized of [true, false]) {
    const tls = { ca: caCertificate, rejectUnauthorized, psk: { identity: 'gw-1', key: Buffer.alloc(16, 7) } }
    const { closed } = await tryOnce(`mqtts://127.0.0.1:${address.port}`, { tls, password: 'secret', username: 'gw' })
    assert.equal(closed?.reason, 'tls', closed?.detail)
    assert.equal(closed?.hurry, 'slow')
  }
  assert.deepEqual(received, [])
})

test('WebSocket within TLS, through a proxy that wants a password', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const port = await secondListener(t, ['protocol websockets', ...certificateLines], certificateFiles)
  const proxy = await ConnectProxy.start('gw:s€cret')
  t.after(() => proxy.close())
  const settings = {
    tls: trust,
    proxy: { host: '127.0.0.1', port: proxy.port, username: 'gw', password: 's€cret' },
  }
  const trial = await tryOnce(`wss://127.0.0.1:${port}/mqtt`, settings)
  assert.equal(trial.fate, 'accepted', trial.closed?.detail)
  assert.deepEqual(trial.phases, ['tcp', 'proxy', 'tls', 'websocket', 'connack'])
  assert.deepEqual(proxy.asked, [`127.0.0.1:${port}`])
})

test('each way in which a proxy fails has a reason and a hint of its own', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const proxy = await ConnectProxy.start('gw:secret')
  t.after(() => proxy.close())
  const through = (login?: { username: string; password: string }, port = proxy.port) => ({
    proxy: { host: '127.0.0.1', port, ...login },
    connectTimeoutMs: 60_000,
  })
  const login = { username: 'gw', password: 'secret' }
  const failure = async (settings: Partial<MqttSettings>, url = broker.url) => {
    const { closed } = await tryOnce(url, settings)
    return `${closed?.reason} ${closed?.hurry}: ${closed?.hint}`
  }
  assert.equal((await tryOnce(broker.url, through(login))).fate, 'accepted')
  assert.match(await failure(through()), /^proxy_auth slow: .*wants a user name/)
  assert.match(await failure(through({ ...login, password: 'wrong' })), /^proxy_auth slow: .*is wrong/)
  const nobody = await freePort()
  assert.match(await failure(through(login), `mqtt://127.0.0.1:${nobody}`), /^proxy soon: .*does not reach the broker/)
  assert.match(await failure(through(login, nobody)), /^tcp soon: nobody listens at 127\.0\.0\.1/)
  // The broker itself taken for a proxy: it ends the connection, or answers with something else.
  assert.match(await failure(through(login, broker.port)), /^(proxy|cut) soon: .*no HTTP proxy/)
  proxy.status = 403
  assert.match(await failure(through(login)), /^proxy slow: allow CONNECT/)
  proxy.answers = false
  assert.match(await failure({ ...through(login), connectTimeoutMs: 100 }), /^proxy_timeout soon: /)
})

test('ALPN: what the server chose is found, and one that speaks none of ours says so', async (t) => {
  const broker = await ScriptedBroker.start({
    tls: { cert: serverCertificate, key: serverKey, ALPNProtocols: ['mqtt'] },
  })
  t.after(() => broker.close())
  const good = await tryOnce(broker.url, { tls: { ...trust, alpn: ['x-other', 'mqtt'] } })
  assert.equal(good.fate, 'accepted')
  assert.ok(good.findings.some((finding) => finding.what === 'tls' && finding.alpn === 'mqtt'))
  const { closed } = await tryOnce(broker.url, { tls: { ...trust, alpn: ['x-other'] } })
  assert.equal(closed?.reason, 'tls')
  assert.match(closed?.hint ?? '', /tls\.alpn/)
})

test('a web server without MQTT at this path, and one that is no web server at all', async (t) => {
  const mqtt = await ScriptedBroker.start()
  t.after(() => mqtt.close())
  const proxy = await ConnectProxy.start()
  t.after(() => proxy.close())
  const web = await tryOnce(`ws://127.0.0.1:${proxy.port}/elsewhere`)
  assert.equal(web.closed?.reason, 'websocket')
  assert.match(web.closed?.detail ?? '', /at \/elsewhere with HTTP 405/)
  const other = await tryOnce(mqtt.url.replace('mqtt:', 'ws:'))
  assert.match(other.closed?.reason ?? '', /^(websocket|cut|tcp)$/)
  assert.match(other.closed?.hint ?? '', /HTTP|WebSocket/)
})

test('a name is looked up first, and the address that answered is found', async (t) => {
  // Nobody at ::1, somebody at 127.0.0.1, in whichever order the name gives them.
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const trial = await tryOnce(`mqtt://localhost:${broker.port}`)
  assert.equal(trial.fate, 'accepted')
  assert.deepEqual(trial.phases.slice(0, 1), ['dns'])
  assert.ok(trial.findings.some((finding) => finding.what === 'address' && finding.port === broker.port))
})

test('a stranger at the port is recognised by what it says', async (t) => {
  const says = async (answer: string | Uint8Array) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => new Promise((resolve) => server.close(resolve)))
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const { closed } = await tryOnce(`mqtt://127.0.0.1:${address.port}`)
    return `${closed?.reason}: ${closed?.detail.replace(/^\S+ /, '')}: ${closed?.hint}`
  }
  assert.match(
    await says('HTTP/1.1 400 Bad Request\r\n\r\n'),
    /^not_mqtt: answered CONNECT with "HTTP\/1\.1 400 Bad Request": .*web server/,
  )
  assert.match(await says(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70)), /^not_mqtt: .* with TLS: .*mqtts/)
  assert.match(await says('SSH-2.0-OpenSSH_9.2p1\r\n'), /^not_mqtt: .*"SSH-2\.0-OpenSSH_9\.2p1/)
  assert.match(await says(Uint8Array.of(0xff, 0xfb, 1)), /^not_mqtt: .*the bytes fffb01/)
})
