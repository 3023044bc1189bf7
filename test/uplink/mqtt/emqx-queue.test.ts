import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { MqttSettings } from '../../../src/uplink-settings.ts'
import { ScriptedBroker } from '../../support/broker.ts'
import { EmqxQueue, type QueueSettings } from '../../support/emqx-queue.ts'
import { account } from '../../support/mqtt-checker.ts'
import { until } from '../../support/until.ts'
import { startUplink } from '../rig.ts'
import { seqsIn } from '../scripted-session.ts'

const commands: QueueSettings = { version: '6.1.1', name: 'cmd-gw', filter: 'cmd/gw/+', key: 'key' }

async function queueOn(t: TestContext, settings = commands) {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  return { broker, queue: new EmqxQueue(broker, settings) }
}

function intake(changes: Partial<NonNullable<MqttSettings['commands']>> = {}): Partial<MqttSettings> {
  const key = { from: 'user-property', name: 'key' } as const
  return { commands: { subscribe: '$queue/cmd-gw', key, receiveMaximum: 20, ...changes } }
}

const command = (key: string, payload: string) => ({
  topic: `cmd/gw/${key}`,
  payload,
  properties: { userProperties: { key } },
})

test('a queue of EMQX that nobody subscribes to takes records like a subscriber: 0x10 is no failure', async (t) => {
  const { broker, queue } = await queueOn(t, { version: '6.1.1', name: 'records', filter: 't/+/data' })
  const { feed, uplink } = startUplink(t, broker.url)
  feed.append(200)
  await until(() => feed.pending === 0, { what: 'all records acknowledged' })
  assert.equal(queue.waiting.length, 200)
  const { missing, duplicates } = account(
    broker.stored.flatMap(({ payload }) => seqsIn(payload)),
    200,
  )
  assert.deepEqual({ missing, duplicates }, { missing: [], duplicates: 0 })
  assert.equal(feed.rejectedRecords.length, 0)
  assert.equal(uplink.status().problem, undefined)
})

test('a gateway that was away gets the newest command of each key from the queue, once', async (t) => {
  const { broker, queue } = await queueOn(t)
  for (let turn = 1; turn <= 5; turn++) {
    for (const key of ['setpoint', 'valve', 'pump']) queue.publish(command(key, `${turn}`))
  }
  // Acknowledged like all others, and lost: there is nothing to keep it by.
  assert.equal(queue.publish({ topic: 'cmd/gw/setpoint', payload: '9' }), 0x10)
  const rig = startUplink(t, broker.url, { settings: intake() })
  await until(() => broker.unconfirmed() === 0 && rig.commands.length === 3, { what: 'three commands confirmed' })
  assert.deepEqual(
    rig.commands.map(({ key, payload }) => `${key} ${Buffer.from(payload)}`),
    ['setpoint 5', 'valve 5', 'pump 5'],
  )
})

test('what the queue had handed out and was not confirmed comes again with the next connection, older than what waits', async (t) => {
  const { broker, queue } = await queueOn(t)
  const accepted = Promise.withResolvers<void>()
  const rig = startUplink(t, broker.url, { settings: intake(), accept: () => accepted.promise })
  await until(() => rig.links.length === 1, { what: 'a session' })
  queue.publish(command('setpoint', '1'))
  await until(() => rig.commands.length === 1, { what: 'the command' })
  broker.cut()
  await until(() => rig.links.includes('down cut') || rig.links.includes('down tcp'), {
    what: 'the end of the session',
  })
  queue.publish(command('setpoint', '2'))
  accepted.resolve()
  await until(() => rig.commands.length === 3 && broker.unconfirmed() === 0, { what: 'both commands' })
  assert.deepEqual(
    rig.commands.map(({ payload }) => Buffer.from(payload).toString()),
    ['1', '1', '2'],
  )
})

test('EMQX since 6.1.1 refuses queues to MQTT 3.1.1: records go on without commands, and the status says so', async (t) => {
  const { broker } = await queueOn(t)
  const { feed, uplink } = startUplink(t, broker.url, { settings: { ...intake(), protocol: 3 } })
  feed.append(20)
  await until(() => feed.pending === 0, { what: 'all records acknowledged' })
  const { shortfalls = [] } = uplink.status()
  assert.deepEqual(
    shortfalls.map(({ code }) => code),
    ['subscribe_128'],
  )
})

test('the canary goes through the queue and back, and is no command', async (t) => {
  const { broker, queue } = await queueOn(t)
  const canary = { topic: 'cmd/gw/canary', everyMs: 200 }
  const rig = startUplink(t, broker.url, { settings: intake({ canary }) })
  const canaries = () => broker.stored.filter(({ topic }) => topic === canary.topic)
  await until(() => canaries().length >= 3 && broker.unconfirmed() === 0, { what: 'three canaries confirmed' })
  assert.equal(rig.uplink.status().shortfalls, undefined)
  assert.equal(rig.commands.length, 0)
  // The queue keeps its newest under a key of its own: no command is replaced by it.
  queue.stuck = true
  queue.publish(command('setpoint', '1'))
  await until(() => queue.waiting.includes('canary'), { what: 'a canary that waits' })
  assert.ok(queue.waiting.includes('setpoint'))
})

for (const [what, fail] of [
  ['is switched off', (queue: EmqxQueue) => (queue.enabled = false)],
  ['hands nothing out any more', (queue: EmqxQueue) => (queue.stuck = true)],
] as const) {
  test(`a queue that ${what} looks the same but for the canary, which tells`, async (t) => {
    const { broker, queue } = await queueOn(t)
    fail(queue)
    const canary = { topic: 'cmd/gw/canary', everyMs: 200 }
    const { uplink, feed } = startUplink(t, broker.url, { settings: intake({ canary }) })
    feed.append(5)
    await until(() => (uplink.status().shortfalls ?? []).length > 0, { what: 'the shortfall' })
    await until(() => feed.pending === 0, { what: 'records all the same' })
    const [shortfall] = uplink.status().shortfalls ?? []
    assert.match(`${shortfall?.code} ${shortfall?.message}`, /canary|queue/)
    queue.stuck = false
    queue.enabled = true
    broker.cut()
    await until(() => broker.connections.length > 1 && uplink.status().state === 'online', { what: 'a new session' })
    await until(() => uplink.status().shortfalls === undefined, { what: 'the end of the shortfall' })
  })
}
