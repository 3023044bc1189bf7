/**
 * Real brokers that go away in the middle and come back: what they acknowledged arrives at a subscriber, nothing is missing,
 * what comes twice was in flight when they went.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Aedes } from 'aedes'
import type { MqttSettings } from '../../src/uplink-settings.ts'
import { BrokerProgram } from '../support/broker-program.ts'
import { freePort } from '../support/field-process.ts'
import { mosquittoWith } from '../support/mosquitto-recipe.ts'
import { account, MqttChecker } from '../support/mqtt-checker.ts'
import { nats } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { startRabbitMq } from '../support/rabbitmq.ts'
import { until } from '../support/until.ts'
import {
  caCertificate,
  clientCertificate,
  clientKey,
  serverCertificate,
  serverKey,
} from '../uplink/mqtt/certificates.ts'
import { startUplink } from '../uplink/rig.ts'

const WINDOW = 50
const ROUND = 400

interface Outages {
  readonly url: string
  readonly settings: Partial<MqttSettings>
  /** Where the subscriber connects, with MQTT 3.1.1. */
  readonly checkerUrl: string
  readonly outages: number
  /** False: the broker lets new messages overtake those that wait for a subscriber that comes back. */
  readonly keepsOrder?: boolean
  down(): Promise<void>
  up(): Promise<void>
}

async function survives(t: TestContext, site: Outages): Promise<void> {
  const checker = await MqttChecker.connect(site.checkerUrl, {
    filter: 't/#',
    protocolVersion: 4,
    session: 'checker',
  })
  t.after(() => checker.close())
  const { feed, links, uplink } = startUplink(t, site.url, { settings: { window: WINDOW, ...site.settings } })
  const downs = () => links.filter((link) => link.startsWith('down')).length
  for (let outage = 1; outage <= site.outages; outage++) {
    feed.append(ROUND)
    const before = feed.pending
    await until(() => feed.pending < before - ROUND / 4, { what: 'some records on their way', timeoutMs: 20_000 })
    await site.down()
    await until(() => downs() >= outage, { what: 'the end of the session', timeoutMs: 20_000 })
    feed.append(ROUND / 4)
    const away = feed.pending
    await site.up()
    await until(() => feed.pending < away, { what: 'records after the outage', timeoutMs: 60_000 })
  }
  const made = feed.records.length
  await until(() => feed.pending === 0, { what: 'all records acknowledged', timeoutMs: 90_000 })
  await until(() => new Set(checker.seqs()).size === made, {
    what: 'all records with the subscriber',
    timeoutMs: 90_000,
  })
  const { missing, duplicates, inOrder } = account(checker.seqs(), made)
  assert.deepEqual(missing, [])
  assert.ok(inOrder || site.keepsOrder === false)
  // What the broker sends its subscriber again after a restart is its own affair; what we sent again is bounded.
  const again = (uplink.status().sentMessages ?? 0) - made
  assert.ok(again <= downs() * WINDOW, `${again} messages sent again after ${downs()} cuts`)
  t.diagnostic(`${made} records, ${downs()} cuts, ${again} sent again, ${duplicates} came twice`)
}

interface Kind {
  readonly name: string
  readonly scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss'
  readonly settings: Partial<MqttSettings>
  readonly lines?: (folder: string) => readonly string[]
}

const trust = { ca: caCertificate, serverName: 'server.test', rejectUnauthorized: true }

const kinds: readonly Kind[] = [
  { name: 'MQTT 5', scheme: 'mqtt', settings: { protocol: 5 } },
  { name: 'MQTT 3.1.1', scheme: 'mqtt', settings: { protocol: 3 } },
  {
    name: 'TLS with a client certificate',
    scheme: 'mqtts',
    settings: { tls: { ...trust, cert: clientCertificate, key: clientKey } },
    lines: (folder) => [
      ...certificates(folder),
      `cafile ${file(folder, 'ca', caCertificate)}`,
      'require_certificate true',
    ],
  },
  {
    name: 'a key that both sides know',
    scheme: 'mqtts',
    settings: {
      tls: { psk: { identity: 'gw', key: Buffer.from('0123456789abcdef', 'hex') }, rejectUnauthorized: true },
    },
    lines: (folder) => ['psk_hint rig', `psk_file ${file(folder, 'psk', 'gw:0123456789abcdef\n')}`],
  },
  { name: 'WebSocket', scheme: 'ws', settings: {}, lines: () => ['protocol websockets'] },
  {
    name: 'WebSocket over TLS',
    scheme: 'wss',
    settings: { tls: trust },
    lines: (folder) => ['protocol websockets', ...certificates(folder)],
  },
]

for (const { name, scheme, settings, lines } of kinds) {
  test(`mosquitto, ${name}: nothing is missing after two outages`, async (t) => {
    if (!needs(t, 'mosquitto')) return
    const plainPort = await freePort()
    const broker = await BrokerProgram.start(mosquittoWith(plainPort, lines))
    t.after(() => broker.close())
    await survives(t, {
      url: `${scheme}://127.0.0.1:${broker.port}${scheme.startsWith('ws') ? '/mqtt' : ''}`,
      checkerUrl: `mqtt://127.0.0.1:${plainPort}`,
      settings,
      outages: 2,
      down: () => broker.down('SIGTERM'),
      up: () => broker.up(),
    })
  })
}

test('NATS JetStream, MQTT 3.1.1: nothing is missing after it was killed twice', async (t) => {
  if (!needs(t, 'nats-server')) return
  const broker = await BrokerProgram.start(nats)
  t.after(() => broker.close())
  await survives(t, killed(broker, 2))
})

test('RabbitMQ, MQTT 3.1.1: nothing is missing after it was killed', async (t) => {
  if (!needs(t, 'rabbitmq-server')) return
  const { broker, close } = await startRabbitMq()
  t.after(close)
  await survives(t, killed(broker, 1))
})

test('aedes, MQTT 3.1.1: nothing is missing when it cut all connections twice', async (t) => {
  const aedes = await Aedes.createBroker()
  const port = await freePort()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    aedes.handle(socket)
  })
  const up = () => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const down = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.resetAndDestroy()
    sockets.clear()
    await closed
  }
  t.after(async () => {
    await down()
    await new Promise<void>((resolve) => aedes.close(() => resolve()))
  })
  await up()
  const url = `mqtt://127.0.0.1:${port}`
  const settings = { protocol: 3 } as const
  await survives(t, { url, checkerUrl: url, settings, outages: 2, keepsOrder: false, down, up })
})

/** The same from the outside: SIGKILL, and started again on what it had written. */
function killed(broker: BrokerProgram, outages: number): Outages {
  return {
    url: broker.url,
    checkerUrl: broker.url,
    settings: { protocol: 3 },
    outages,
    down: () => broker.down('SIGKILL'),
    up: () => broker.up(),
  }
}

function certificates(folder: string): string[] {
  return [`certfile ${file(folder, 'certificate', serverCertificate)}`, `keyfile ${file(folder, 'key', serverKey)}`]
}

function file(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
