import type { MqttSettings } from '../../src/uplink-settings.ts'

/** An MQTT uplink to `url` with short times, changed as the test needs. */
export function mqttSettings(url: string, changes: Partial<MqttSettings> = {}): MqttSettings {
  return {
    name: 'cloud',
    type: 'mqtt',
    urls: [url],
    protocol: 5,
    fallback: false,
    clientId: 'gw',
    keepaliveMs: 30_000,
    sessionExpiryMs: 3_600_000,
    connectTimeoutMs: 5_000,
    tls: { rejectUnauthorized: true },
    topics: { data: 't/{device}/data', event: 't/event', result: 't/command/{key}/result' },
    topicAliases: false,
    properties: { contentType: false, id: false, user: {} },
    surface: {},
    format: { type: 'json' },
    window: 20,
    order: 'oldest_first',
    ackTimeoutMs: 5_000,
    delivery: 'at_least_once',
    startAt: 'head',
    backoff: { minMs: 10, maxMs: 100 },
    ...changes,
  }
}
