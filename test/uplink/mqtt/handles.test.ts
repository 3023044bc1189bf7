import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MqttTransport } from '../../../src/uplink/mqtt/mqtt.ts'
import { ConnectError } from '../../../src/uplink/transport.ts'
import { ScriptedBroker } from '../../support/broker.ts'
import { until } from '../../support/until.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { withCommands } from '../rig.ts'

test('giving up a connection leaves no socket and no timer, in whichever phase', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const handles = () =>
    process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Immediate')
      .sort()
  const before = handles()
  const phases: [string, () => void, () => unknown][] = [
    ['CONNACK', () => (broker.answersConnect = false), () => broker.current?.connect],
    ['SUBACK', () => ([broker.answersConnect, broker.answersSubscribe] = [true, false]), () => broker.current?.session],
  ]
  for (const [phase, prepare, reached] of phases) {
    prepare()
    const stop = new AbortController()
    const settings = mqttSettings(broker.url, { ...withCommands, connectTimeoutMs: 60_000 })
    const handlers = { onDelivery() {}, onClosed: () => assert.fail('a session that never was has ended') }
    const connecting = new MqttTransport(settings).connect(handlers, stop.signal)
    const failed = assert.rejects(connecting, (error) => error instanceof ConnectError)
    await until(reached, { what: `the wait for ${phase}` })
    stop.abort()
    await failed
    await until(() => broker.current === undefined, { what: 'the end of the connection' })
    await until(() => JSON.stringify(handles()) === JSON.stringify(before), { what: `no handle left after ${phase}` })
  }
})
