import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mosquitto } from '../support/mosquitto.ts'
import { MqttChecker } from '../support/mqtt-checker.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { startUplink } from './rig.ts'

const key = { from: 'topic', level: -1 } as const

test('over a subscription that works the canary comes back, and commands beside it arrive', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start()
  t.after(() => broker.close())
  const other = await MqttChecker.connect(broker.url, { filter: 'cmd/gw/canary' })
  t.after(() => other.close())
  const canary = { topic: 'cmd/gw/canary', everyMs: 200 }
  const { uplink, commands } = startUplink(t, broker.url, {
    settings: { commands: { subscribe: 'cmd/gw/+', key, receiveMaximum: 10, canary } },
  })
  // The third is sent only after the second was waited for.
  await until(() => other.messages.length >= 3, { what: 'three canaries', timeoutMs: 20_000 })
  await other.publish('cmd/gw/setpoint', '55')
  await until(() => commands.length > 0, { what: 'the command' })
  // On a slow machine one may have come late.
  await until(() => uplink.status().shortfalls === undefined, { what: 'a canary in time', timeoutMs: 20_000 })
  assert.deepEqual(
    commands.map((command) => command.key),
    ['setpoint'],
  )
})

test('a server that takes the subscription to a queue it does not have is found out', async (t) => {
  if (!needs(t, 'mosquitto')) return
  const broker = await Mosquitto.start()
  t.after(() => broker.close())
  const canary = { topic: 'cmd/gw/canary', everyMs: 200 }
  const { uplink, feed } = startUplink(t, broker.url, {
    // To mosquitto that is an ordinary topic.
    settings: { commands: { subscribe: '$queue/cmd-gw', key, receiveMaximum: 10, canary } },
  })
  const [shortfall] = await until(() => uplink.status().shortfalls, { what: 'the shortfall', timeoutMs: 20_000 })
  assert.equal(shortfall?.code, 'canary_lost')
  assert.match(shortfall.message, /did not come back over \$queue\/cmd-gw/)
  feed.append(3)
  await until(() => feed.pending === 0, { what: 'the records to arrive all the same' })
})
