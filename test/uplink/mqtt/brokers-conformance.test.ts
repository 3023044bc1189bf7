/** The transport against brokers of two more makers, which speak MQTT 3.1.1. One broker serves all tests of its kind. */
import { after, type TestContext } from 'node:test'
import { MqttTransport } from '../../../src/uplink/mqtt/mqtt.ts'
import { type TransportRig, transportConformance } from '../../conformance/transport.ts'
import { BrokerProgram } from '../../support/broker-program.ts'
import { Network } from '../../support/field-network.ts'
import { MqttChecker } from '../../support/mqtt-checker.ts'
import { nats } from '../../support/nats.ts'
import { needs } from '../../support/needs.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'

type Traits = Pick<TransportRig, 'marksRedeliveries' | 'renumbersRedeliveries' | 'mayForgetConfirmations'>

interface Running {
  readonly broker: BrokerProgram
  close(): Promise<void>
}

let rigs = 0

/** A client and topics that no test before had, on the broker they share; what is between them can be cut. */
async function rigOn(broker: BrokerProgram, traits: Traits): Promise<TransportRig> {
  rigs += 1
  const clientId = `gw${rigs}`
  const commandTopic = `cmd/${clientId}/setpoint`
  const network = await Network.start(broker.port)
  const checker = await MqttChecker.connect(broker.url, { filter: 't/#', protocolVersion: 4 })
  return {
    transport: (options = {}) =>
      new MqttTransport(
        mqttSettings(`mqtt://127.0.0.1:${options.port ?? network.port}`, {
          protocol: 3,
          clientId,
          connectTimeoutMs: options.connectTimeoutMs ?? 20_000,
          commands: { subscribe: `cmd/${clientId}/+`, key: { from: 'topic', level: -1 }, receiveMaximum: 10 },
        }),
      ),
    taken: () => checker.messages,
    send: (payload) => checker.publish(commandTopic, payload),
    commandTopic,
    ...traits,
    cut() {
      network.cut()
      network.restore()
    },
    async close() {
      await checker.close()
      await network.close()
    },
  }
}

function conformance(
  name: string,
  options: { needed: 'rabbitmq-server' | 'nats-server'; start(): Promise<Running>; traits: Traits },
) {
  let running: Promise<Running> | undefined
  after(async () => (await running)?.close())
  transportConformance(name, async (t: TestContext) => {
    if (!needs(t, options.needed)) return undefined
    running ??= options.start()
    return rigOn((await running).broker, options.traits)
  })
}

conformance('NATS JetStream, MQTT 3.1.1', {
  needed: 'nats-server',
  async start() {
    const broker = await BrokerProgram.start(nats)
    return { broker, close: () => broker.close() }
  },
  traits: { marksRedeliveries: true, mayForgetConfirmations: true },
})
conformance('RabbitMQ, MQTT 3.1.1', {
  needed: 'rabbitmq-server',
  start: startRabbitMq,
  traits: { marksRedeliveries: true, renumbersRedeliveries: true },
})
