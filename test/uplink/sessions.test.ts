import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScriptedBroker } from '../support/broker.ts'
import { until } from '../support/until.ts'
import { startUplink, withCommands } from './rig.ts'

test('a session taken over is not taken back: the uplink waits for minutes and raises an alarm', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { uplink, links, lines } = startUplink(t, broker.url)
  await until(() => links.length === 1, { what: 'a session' })
  broker.disconnect(0x8e)
  await until(() => uplink.status().nextTryInMs !== undefined, { what: 'the pause' })
  const { state, problem, nextTryInMs } = uplink.status()
  assert.equal(state, 'offline')
  assert.equal(problem?.code, 'taken_over')
  assert.ok((nextTryInMs ?? 0) > 59_000)
  assert.ok(
    lines.some((line) => line.startsWith('error uplink cloud: the broker ended the connection: session taken over')),
  )
})

test('a server that shuts down is tried again soon', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { feed, links } = startUplink(t, broker.url)
  await until(() => links.length === 1, { what: 'a session' })
  broker.disconnect(0x8b)
  await until(() => links.length === 3, { what: 'the next session' })
  assert.deepEqual(links, ['up connected', 'down refused_139', 'up resumed'])
  feed.append(1)
  await until(() => feed.pending === 0, { what: 'the record to arrive' })
})

for (const [protocol, code, reason] of [
  [5, 0x86, 'refused_134'],
  [3, 4, 'refused_4'],
] as const) {
  test(`wrong credentials show in the status and wait for a human (MQTT ${protocol === 5 ? '5' : '3.1.1'})`, async (t) => {
    const broker = await ScriptedBroker.start()
    t.after(() => broker.close())
    broker.connackCode = code
    const { uplink } = startUplink(t, broker.url, { settings: { protocol } })
    await until(() => uplink.status().nextTryInMs !== undefined, { what: 'the refusal' })
    const { problem, connects, connectFailures, nextTryInMs } = uplink.status()
    assert.equal(problem?.code, reason)
    assert.match(problem.message, /bad user name or password/)
    assert.deepEqual({ connects, connectFailures }, { connects: 0, connectFailures: 1 })
    assert.ok((nextTryInMs ?? 0) > 59_000)
  })
}

test('a refused subscription has a name in the status, and the records go on', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.subackCode = 0x87
  const { uplink, feed, lines } = startUplink(t, broker.url, { settings: withCommands })
  feed.append(3)
  await until(() => feed.pending === 0, { what: 'the records to arrive' })
  const { state, problem, shortfalls } = uplink.status()
  assert.deepEqual({ state, problem }, { state: 'online', problem: undefined })
  assert.equal(shortfalls?.length, 1)
  assert.equal(shortfalls[0]?.code, 'subscribe_135')
  assert.match(shortfalls[0].message, /subscription to cmd\/gw\/\+: not authorized/)
  await until(() => lines.some((line) => line.startsWith('warn') && line.includes('cmd/gw/+')), { what: 'a warning' })
})

test('a server without QoS 1 cannot serve us, and we say so', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.connackProperties = { maximumQoS: 0 }
  const { uplink } = startUplink(t, broker.url)
  await until(() => uplink.status().nextTryInMs !== undefined, { what: 'the refusal' })
  assert.match(uplink.status().problem?.message ?? '', /QoS not supported \(0x9b\)/)
})

test('a missing permission to publish shows while the session stays up', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = () => ({ code: 0x87 })
  const { uplink, feed } = startUplink(t, broker.url)
  feed.append(3)
  const problem = await until(() => uplink.status().problem, { what: 'the problem' })
  assert.equal(uplink.status().state, 'online')
  assert.match(problem.message, /^not authorized \(0x87\) on t\/d\/data; 3 records wait, next try in \d+ s$/)
  assert.equal(feed.pending, 3)
})

test('an answer that says that the packet id is in use is followed by a clean session', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = () => (broker.publishes === 1 ? { code: 0x91 } : 'ack')
  const { feed } = startUplink(t, broker.url)
  feed.append(3)
  await until(() => feed.pending === 0, { what: 'all records settled' })
  assert.deepEqual(
    broker.connections.map(({ connect }) => connect?.clean),
    [false, true],
  )
})

test('the second url is tried when the first one fails', async (t) => {
  const dead = await ScriptedBroker.start()
  const { url } = dead
  await dead.close()
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { uplink, feed } = startUplink(t, broker.url, { settings: { urls: [url, broker.url] } })
  feed.append(1)
  await until(() => feed.pending === 0, { what: 'the record to arrive' })
  assert.equal(uplink.status().connectFailures, 1)
})

test('a broker that is away for a while is found again', async (t) => {
  const first = await ScriptedBroker.start()
  const { url, port } = first
  const { uplink, feed, lines } = startUplink(t, url)
  feed.append(1)
  await until(() => feed.pending === 0, { what: 'the first record' })
  await first.close()
  feed.append(10)
  await until(() => uplink.status().connectFailures >= 3, { what: 'three failed tries' })
  assert.equal(lines.filter((line) => line.includes('ECONNREFUSED')).length, 1, 'one line for one state')
  const second = await ScriptedBroker.start({ port })
  t.after(() => second.close())
  await until(() => feed.pending === 0, { what: 'the backlog' })
  assert.equal(second.stored.length, 10)
})

test('stop says goodbye and leaves what is not acknowledged to the next start', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  broker.react = () => 'hold'
  const { uplink, feed, links } = startUplink(t, broker.url)
  feed.append(5)
  await until(() => broker.publishes === 5, { what: 'five publishes' })
  const first = uplink.stop()
  assert.equal(uplink.stop(), first, 'a second stop is the same one')
  await first
  assert.equal(broker.disconnects, 1)
  assert.equal(feed.pending, 5)
  assert.deepEqual(links, ['up connected', 'down stopped'])
  const { state, inFlight, problem } = uplink.status()
  assert.deepEqual({ state, inFlight, problem }, { state: 'stopped', inFlight: 0, problem: undefined })
})

test('stop is quick in every state', async (t) => {
  const mute = await ScriptedBroker.start()
  t.after(() => mute.close())
  mute.answersConnect = false
  const connecting = startUplink(t, mute.url)
  await until(() => mute.current?.connect, { what: 'CONNECT' })
  await connecting.uplink.stop()
  const refusing = await ScriptedBroker.start()
  t.after(() => refusing.close())
  refusing.connackCode = 0x87
  const pausing = startUplink(t, refusing.url)
  await until(() => pausing.uplink.status().nextTryInMs !== undefined, { what: 'the pause' })
  await pausing.uplink.stop()
  assert.deepEqual(
    [connecting, pausing].map(({ uplink }) => uplink.status().state),
    ['stopped', 'stopped'],
  )
})
