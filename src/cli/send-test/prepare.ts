/** Settings that try an uplink without touching what the gateway has there. Pure. */
import type { MqttSettings } from '../../uplink-settings.ts'

export interface TrialOptions {
  /** With the client id, the session and the will of the gateway itself. */
  readonly asGateway: boolean
  /** Absent: a topic of its own beside that of the events. */
  readonly topic?: string
}

/** Behind the client id of the gateway, so that the broker does not throw the gateway out. */
const SUFFIX = '-send-test'

export interface Prepared {
  readonly settings: MqttSettings
  readonly topic: string
  /** What is left out, and why. */
  readonly remarks: readonly string[]
}

/** One url of the uplink, to be tried alone. */
export function prepare(uplink: MqttSettings, url: string, options: TrialOptions): Prepared {
  const topic = options.topic ?? testTopic(uplink.topics.event)
  const alone = { ...uplink, urls: [url] }
  if (options.asGateway) return { settings: alone, topic, remarks: [] }
  const { commands, ...rest } = alone
  // No session is left behind, nothing is said about the gateway, and a subscription takes no command from it.
  const settings = { ...rest, clientId: `${uplink.clientId}${SUFFIX}`, sessionExpiryMs: 0, surface: {} }
  if (commands === undefined) return { settings, topic, remarks: [] }
  if (sharesMessages(commands.subscribe)) return { settings, topic, remarks: [notTried(commands.subscribe)] }
  const { canary: _, ...intake } = commands
  return { settings: { ...settings, commands: intake }, topic, remarks: [] }
}

/** `tidegate/plant7-gw01/event` -> `tidegate/plant7-gw01/send-test`: where the gateway may publish anyway. */
function testTopic(eventTopic: string): string {
  return eventTopic.replace(/[^/]*$/, 'send-test')
}

/** Of a queue or a shared subscription each message goes to one subscriber only: taken by the test, missing to the gateway. */
function sharesMessages(filter: string): boolean {
  return /^\$(queue|q|share)\//.test(filter)
}

function notTried(filter: string): string {
  return `The subscription to ${filter} was not tried: it would take commands away from the gateway (--as-gateway tries it).`
}
