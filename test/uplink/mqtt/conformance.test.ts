import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { MqttTransport } from '../../../src/uplink/mqtt/mqtt.ts'
import { type TransportRig, transportConformance } from '../../conformance/transport.ts'
import { ScriptedBroker } from '../../support/broker.ts'
import { Mosquitto } from '../../support/mosquitto.ts'
import { MqttChecker } from '../../support/mqtt-checker.ts'
import { needs } from '../../support/needs.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'

const commandTopic = 'cmd/gw/setpoint'

function transportTo(url: string, protocol: 5 | 3): TransportRig['transport'] {
  return (options = {}) =>
    new MqttTransport(
      mqttSettings(options.port === undefined ? url : `mqtt://127.0.0.1:${options.port}`, {
        protocol,
        connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
        commands: { subscribe: 'cmd/gw/+', key: { from: 'topic', level: -1 }, receiveMaximum: 10 },
      }),
    )
}

for (const protocol of [5, 3] as const) {
  const version = protocol === 5 ? 'MQTT 5' : 'MQTT 3.1.1'

  transportConformance(`scripted broker, ${version}`, async () => {
    const broker = await ScriptedBroker.start()
    return {
      transport: transportTo(broker.url, protocol),
      taken: () => broker.stored,
      send: (payload) => broker.deliver({ topic: commandTopic, payload }),
      commandTopic,
      marksRedeliveries: true,
      cut: () => broker.cut(),
      close: () => broker.close(),
    }
  })

  transportConformance(`mosquitto, ${version}`, async (t) => {
    if (!needs(t, 'mosquitto')) return undefined
    const broker = await Mosquitto.start()
    const checker = await MqttChecker.connect(broker.url, { filter: 't/#' })
    return {
      transport: transportTo(broker.url, protocol),
      taken: () => checker.messages,
      send: (payload) => checker.publish(commandTopic, payload),
      commandTopic,
      marksRedeliveries: true,
      async cut() {
        await broker.down('SIGKILL')
        await broker.up()
      },
      async close() {
        await checker.close()
        await broker.close()
      },
    }
  })
}

transportConformance('aedes, MQTT 3.1.1', async () => {
  const aedes = await Aedes.createBroker()
  const server = createServer(aedes.handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('aedes is not listening')
  const url = `mqtt://127.0.0.1:${address.port}`
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  const checker = await MqttChecker.connect(url, { filter: 't/#', protocolVersion: 4 })
  return {
    transport: transportTo(url, 3),
    taken: () => checker.messages,
    send: (payload) => checker.publish(commandTopic, payload),
    commandTopic,
    // It never sets DUP, against MQTT 3.1.1 section 3.3.1.1.
    marksRedeliveries: false,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      await checker.close()
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
      await new Promise((resolve) => server.close(resolve))
    },
  }
})
