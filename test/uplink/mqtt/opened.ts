import type { TestContext } from 'node:test'
import { MqttTransport } from '../../../src/uplink/mqtt/mqtt.ts'
import type { Closed, Delivery, Fate, Message, Session } from '../../../src/uplink/transport.ts'
import type { MqttSettings } from '../../../src/uplink-settings.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'

export interface Opened {
  readonly session: Session
  readonly deliveries: Delivery[]
  readonly closings: Closed[]
}

/** One session of a transport to `url`; closed with the test. */
export async function openSession(
  t: TestContext,
  url: string,
  options: { settings?: Partial<MqttSettings>; transport?: MqttTransport } = {},
): Promise<Opened> {
  const transport = options.transport ?? new MqttTransport(mqttSettings(url, options.settings))
  const deliveries: Delivery[] = []
  const closings: Closed[] = []
  const handlers = {
    onDelivery: (delivery: Delivery) => void deliveries.push(delivery),
    onClosed: (closed: Closed) => void closings.push(closed),
  }
  const session = await transport.connect(handlers, new AbortController().signal)
  t.after(() => session.close())
  return { session, deliveries, closings }
}

export function published(session: Session, message: Message): Promise<Fate> {
  return new Promise((resolve) => session.publish(message, resolve))
}
