import type { IClientOptions } from 'mqtt'
import type { MqttSettings } from '../../../uplink-settings.ts'
import { INBOUND_ALIASES_MAX } from '../inbound.ts'
import type { Will } from '../lessons.ts'
import { PUBLISH_ID_MAX, sessionExpirySeconds } from '../session-terms.ts'

/** A command is a value or a small object; whoever sends more than this to a gateway has the wrong address. */
const INBOUND_PACKET_BYTES_MAX = 262_144
/** MQTT 5.0 section 3.1.2.10: two bytes of seconds. */
const KEEPALIVE_SECONDS_MAX = 65_535
/** MQTT 5.0 section 2.2.1: two bytes, never 0. */
const PACKET_ID_MAX = 65_535

/** Everything that the library does by itself after a failure is switched off. */
export function clientOptions(
  settings: MqttSettings,
  connect: { version: 4 | 5; clean: boolean; will: Will | undefined },
): IClientOptions {
  let ids = PUBLISH_ID_MAX
  const receiveMaximum = settings.commands?.receiveMaximum
  return {
    protocolId: 'MQTT',
    protocolVersion: connect.version,
    clientId: settings.clientId,
    // MQTT 3.1.1 knows no expiry: a session ends with its connection or never.
    clean: connect.clean || (connect.version === 4 && settings.sessionExpiryMs === 0),
    keepalive: Math.min(KEEPALIVE_SECONDS_MAX, Math.max(1, Math.round(settings.keepaliveMs / 1000))),
    // Once per acknowledgement would be a timer per record; the session does it once per second.
    reschedulePings: false,
    reconnectPeriod: 0,
    connectTimeout: settings.connectTimeoutMs,
    resubscribe: false,
    queueQoSZero: false,
    // Ids that no publish of ours can have.
    messageIdProvider: {
      allocate() {
        ids = ids >= PACKET_ID_MAX ? PUBLISH_ID_MAX + 1 : ids + 1
        return ids
      },
      getLastAllocated: () => ids,
      register: () => true,
      deallocate() {},
      clear() {},
    },
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...(connect.will === undefined ? {} : { will: connect.will }),
    ...(connect.version === 5
      ? {
          properties: {
            sessionExpiryInterval: sessionExpirySeconds(settings),
            maximumPacketSize: INBOUND_PACKET_BYTES_MAX,
            topicAliasMaximum: INBOUND_ALIASES_MAX,
            ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
          },
        }
      : {}),
  }
}
