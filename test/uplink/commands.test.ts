import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IncomingCommand } from '../../src/model.ts'
import { ScriptedBroker } from '../support/broker.ts'
import { until } from '../support/until.ts'
import { startUplink, withCommands } from './rig.ts'

/** An `accept` that resolves when the test says so. */
function gate() {
  const waiting: { readonly command: IncomingCommand; readonly done: () => void }[] = []
  const accept = (command: IncomingCommand) =>
    new Promise<void>((done) => {
      waiting.push({ command, done })
    })
  return { waiting, accept }
}

test('a command reaches the inbox whole: key, payload, lifetime, flags, and what recognises it again', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { commands, links } = startUplink(t, broker.url, { settings: withCommands })
  await until(() => links.length === 1, { what: 'a session' })
  broker.deliver({ topic: 'cmd/gw/setpoint', payload: '{"value":61}', properties: { messageExpiryInterval: 90 } })
  broker.deliver({ topic: 'cmd/gw/pump', payload: 'true', retain: true })
  broker.deliver({ topic: 'cmd/gw/light', payload: '1', qos: 0 })
  await until(() => commands.length === 3, { what: 'three commands' })
  const [first, second, third] = commands
  assert.equal(Buffer.from(first?.payload ?? []).toString(), '{"value":61}')
  const { uplink, key, retained, duplicate, expiresInMs } = first ?? {}
  assert.deepEqual(
    { uplink, key, retained, duplicate, expiresInMs },
    { uplink: 'cloud', key: 'setpoint', retained: false, duplicate: false, expiresInMs: 90_000 },
  )
  assert.match(first?.redelivery ?? '', /^cloud\|1\|[0-9a-f]{40}$/)
  assert.equal(second?.retained, true)
  assert.equal(second?.expiresInMs, undefined)
  // At QoS 0 nothing is sent twice, so there is nothing to recognise.
  assert.equal(third?.redelivery, undefined)
})

test('a command is acknowledged when it is durable, never before, and in the order of arrival', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { waiting, accept } = gate()
  const { feed, links } = startUplink(t, broker.url, { settings: withCommands, accept })
  await until(() => links.length === 1, { what: 'a session' })
  for (let value = 1; value <= 4; value++) broker.deliver({ topic: 'cmd/gw/setpoint', payload: `${value}` })
  await until(() => waiting.length === 4, { what: 'four commands' })
  const connection = broker.current
  // A record that goes and is acknowledged after them shows that theirs would have come.
  const roundTrip = async () => {
    feed.append(1)
    await until(() => feed.pending === 0, { what: 'a round trip' })
  }
  await roundTrip()
  assert.deepEqual(connection?.pubacks, [])
  waiting[3]?.done()
  waiting[1]?.done()
  await roundTrip()
  assert.deepEqual(connection?.pubacks, [], 'acknowledged before the first one')
  waiting[0]?.done()
  await until(() => connection?.pubacks.length === 2, { what: 'two acknowledgements' })
  waiting[2]?.done()
  await until(() => connection?.pubacks.length === 4, { what: 'all acknowledgements' })
  assert.deepEqual(connection?.pubacks, [1, 2, 3, 4])
})

test('thirty commands that wait for the disk neither delay our own acknowledgements nor kill the keep-alive', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { waiting, accept } = gate()
  const settings = { ...withCommands, keepaliveMs: 1_000, window: 10 }
  const { feed, links } = startUplink(t, broker.url, { settings, accept })
  await until(() => links.length === 1, { what: 'a session' })
  for (let value = 1; value <= 30; value++) broker.deliver({ topic: 'cmd/gw/setpoint', payload: `${value}` })
  await until(() => waiting.length === 30, { what: 'thirty commands' })
  feed.append(500)
  await until(() => feed.pending === 0, { what: '500 records acknowledged while the commands wait' })
  await until(() => broker.pings >= 2, { what: 'two pings while the commands wait' })
  const connection = broker.current
  assert.deepEqual(connection?.pubacks, [])
  for (const { done } of waiting) done()
  await until(() => connection?.pubacks.length === 30, { what: 'thirty acknowledgements' })
  assert.deepEqual(
    connection?.pubacks,
    Array.from({ length: 30 }, (_, index) => index + 1),
  )
  assert.deepEqual(links, ['up connected'])
})

test('no acknowledgement goes out for a session that is over; the command comes again, marked and recognisable', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { waiting, accept } = gate()
  const { links, commands } = startUplink(t, broker.url, { settings: withCommands, accept })
  await until(() => links.length === 1, { what: 'a session' })
  broker.deliver({ topic: 'cmd/gw/setpoint', payload: '61' })
  await until(() => waiting.length === 1, { what: 'the command' })
  broker.cut()
  await until(() => waiting.length === 2, { what: 'the command again' })
  waiting[0]?.done()
  await until(() => links.length === 3, { what: 'the next session' })
  assert.deepEqual(broker.current?.pubacks, [])
  waiting[1]?.done()
  await until(() => broker.unconfirmed() === 0, { what: 'the acknowledgement' })
  assert.deepEqual(broker.current?.pubacks, [1])
  assert.deepEqual(
    commands.map(({ duplicate }) => duplicate),
    [false, true],
  )
  assert.equal(commands[0]?.redelivery, commands[1]?.redelivery)
})

test('CONNECT announces how many commands may be on the way, keeps the session and uses the fixed client id', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  startUplink(t, broker.url, { settings: withCommands })
  const connect = await until(() => broker.current?.connect, { what: 'CONNECT' })
  assert.equal(connect.clientId, 'gw')
  assert.equal(connect.clean, false)
  assert.equal(connect.properties?.receiveMaximum, 50)
  assert.equal(connect.properties?.sessionExpiryInterval, 3_600)
})

test('more commands than may wait end the session instead of filling the memory', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { accept } = gate()
  const { links } = startUplink(t, broker.url, { settings: { ...withCommands, protocol: 3 }, accept })
  await until(() => links.length === 1, { what: 'a session' })
  for (let value = 1; value <= 1_100; value++) broker.deliver({ topic: 'cmd/gw/setpoint', payload: `${value}` })
  await until(() => links.includes('down command_flood'), { what: 'the end of the session' })
})

test('a command that makes the inbox fail ends the session slowly, is not acknowledged, and is told', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const accept = () => Promise.reject(new Error('a mistake'))
  const { uplink, links, lines } = startUplink(t, broker.url, { settings: withCommands, accept })
  await until(() => links.length === 1, { what: 'a session' })
  broker.deliver({ topic: 'cmd/gw/setpoint', payload: '1' })
  await until(() => uplink.status().state === 'offline', { what: 'the end of the session' })
  assert.equal(uplink.status().problem?.code, 'accept_failed')
  assert.ok((uplink.status().nextTryInMs ?? 0) > 50_000)
  assert.ok(lines.includes('error storing a command failed: a mistake'))
  assert.equal(broker.unconfirmed(), 1)
})

test('where the sender wants the result comes with the command; a topic that cannot serve is left out', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const { commands, links, lines } = startUplink(t, broker.url, { settings: withCommands })
  await until(() => links.length === 1, { what: 'a session' })
  const ask = (responseTopic: string, correlationData?: Buffer) =>
    broker.deliver({
      topic: 'cmd/gw/pump',
      payload: 'true',
      properties: { responseTopic, ...(correlationData ? { correlationData } : {}) },
    })
  ask('asker/answers', Buffer.from([0, 255, 1]))
  ask('asker/answers')
  ask('cmd/gw/valve', Buffer.from([1]))
  ask('$SYS/answers')
  broker.deliver({ topic: 'cmd/gw/pump', payload: 'true' })
  await until(() => commands.length === 5, { what: 'five commands' })
  assert.deepEqual(
    commands.map(({ reply }) => reply),
    [{ topic: 'asker/answers', correlation: 'AP8B' }, { topic: 'asker/answers' }, undefined, undefined, undefined],
  )
  assert.equal(lines.filter((line) => /^debug the response topic of a command is ignored: /.test(line)).length, 2)
})
