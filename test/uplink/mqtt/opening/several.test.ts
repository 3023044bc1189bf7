/** Several servers, several gateways: what the session loop makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MqttTransport } from '../../../../src/uplink/mqtt/mqtt.ts'
import type { Closed } from '../../../../src/uplink/transport.ts'
import { ScriptedBroker } from '../../../support/broker.ts'
import { Mosquitto } from '../../../support/mosquitto.ts'
import { needs } from '../../../support/needs.ts'
import { until } from '../../../support/until.ts'
import { mqttSettings } from '../../../support/uplink-settings.ts'
import { startUplink } from '../../rig.ts'

test('a server that refuses our password is left for the next one without a pause of minutes', async (t) => {
  const first = await ScriptedBroker.start()
  const second = await ScriptedBroker.start()
  t.after(() => Promise.all([first.close(), second.close()]))
  first.connackCode = 0x86
  const { feed, lines } = startUplink(t, first.url, { settings: { urls: [first.url, second.url] } })
  feed.append(20)
  await until(() => feed.pending === 0, { what: 'the records at the second server' })
  assert.equal(second.stored.length, 20)
  assert.equal(first.connections.length, 1)
  assert.ok(lines.some((line) => line.includes(`127.0.0.1:${first.port}: the broker refused`)))
})

test('a server that has moved is left for the next one; what it names is shown and not followed', async (t) => {
  const first = await ScriptedBroker.start()
  const second = await ScriptedBroker.start()
  t.after(() => Promise.all([first.close(), second.close()]))
  const { feed, links, lines } = startUplink(t, first.url, { settings: { urls: [first.url, second.url] } })
  await until(() => links.length === 1, { what: 'the first session' })
  first.current?.send({ cmd: 'disconnect', reasonCode: 0x9d, properties: { serverReference: 'c.example:1884' } })
  first.current?.socket.end()
  feed.append(5)
  await until(() => feed.pending === 0, { what: 'the records at the second server' })
  assert.equal(second.stored.length, 5)
  assert.ok(lines.some((line) => line.includes('server moved (0x9d), "c.example:1884"')))
})

for (const protocol of [5, 3] as const) {
  test(`mosquitto: two gateways with one client id are told so (MQTT ${protocol === 5 ? '5' : '3.1.1'})`, async (t) => {
    if (!needs(t, 'mosquitto')) return
    const broker = await Mosquitto.start()
    t.after(() => broker.close())
    const transports = [1, 2].map(() => new MqttTransport(mqttSettings(broker.url, { protocol, clientId: 'plant7' })))
    const closings: Closed[] = []
    const onClosed = (closed: Closed) => void closings.push(closed)
    // Each throws the other out, as two gateways do that come back again and again. Not every mosquitto says 0x8e then.
    const known = () => /^(taken_over|cut_again)$/.test(closings.at(-1)?.reason ?? '')
    for (let turn = 0; !known(); turn++) {
      assert.ok(turn < 20, `after ${turn} turns: ${JSON.stringify(closings)}`)
      const ended = closings.length
      const session = await transports[turn % 2]?.connect({ onDelivery() {}, onClosed }, new AbortController().signal)
      t.after(() => session?.close())
      if (turn > 0) await until(() => closings.length > ended, { what: 'the end of the other session' })
    }
    const { hint = '' } = closings.at(-1) ?? {}
    assert.match(hint, /^somebody else connects with client id plant7: is there a second gateway/)
  })
}
