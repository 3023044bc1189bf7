/** The settings of uplinks; the rest, and what holds for all of them, is in `settings.ts`. */

export type UplinkSettings = MqttSettings

interface UplinkCommon {
  readonly name: string
  /** Messages in flight at most, on our side; the server may allow fewer. */
  readonly window: number
  /**
   * oldest_first: in the order in which they were made. live_first: what is made while the session lasts goes before what
   * waited for it; the backlog has a guaranteed share.
   */
  readonly order: 'oldest_first' | 'live_first'
  /** Link up and answering, but no acknowledgement for this long: the session is closed and opened again. */
  readonly ackTimeoutMs: number
  /** at_most_once: a record is settled, durably, before it is sent, and never sent again. */
  readonly delivery: 'at_least_once' | 'at_most_once'
  /** Where an uplink that has no position yet begins. */
  readonly startAt: StartAt
  /** The name this uplink had before: it takes over that one's position and books. */
  readonly formerly?: string
  readonly filter?: FilterSettings
  readonly pace?: PaceSettings
  readonly format: FormatSettings
  readonly batch?: BatchSettings
  readonly backoff: { readonly minMs: number; readonly maxMs: number }
}

/** Which records an uplink wants. Events of the gateway itself and results of its commands it always does. */
export interface FilterSettings {
  /** Names of the devices whose readings and events it gets; absent: all. */
  readonly devices?: readonly string[]
  /** Of each device's readings, in every period of this length (ms), the first with each point. Absent: all. */
  readonly thinToMs?: number
}

/** What an uplink may send, in messages and in bytes of payload and topic. Absent: as fast as it goes. */
export interface PaceSettings {
  readonly messagesPerSecond?: number
  readonly bytesPerSecond?: number
}

/**
 * What records look like to the cloud. json: one object each. json-flat: a message for each point. template: a text of
 * your own for each reading, or for each point of it; events and results stay json.
 */
export type FormatSettings =
  | { readonly type: 'json' }
  | { readonly type: 'json-flat' }
  | {
      readonly type: 'template'
      /** With the placeholders of `template-words.ts`. */
      readonly template: string
      readonly per: 'record' | 'point'
      readonly contentType: string
    }

/** head: the oldest record there is. tail: only new ones. Else the first record of this time (Unix ms) or number, or later. */
export type StartAt = 'head' | 'tail' | { readonly ts: number } | { readonly seq: number }

/** Several records in one message, as a JSON array. */
export interface BatchSettings {
  readonly recordsMax: number
  readonly bytesMax: number
  readonly waitMaxMs: number
  /** The payload is compressed where that makes it smaller. */
  readonly gzip?: boolean
}

export interface MqttSettings extends UplinkCommon {
  readonly type: 'mqtt'
  /** Tried in turn. Schemes: mqtt, mqtts, ws, wss. */
  readonly urls: readonly string[]
  readonly protocol: 5 | 3
  /** MQTT 3.1.1 is spoken with a server that does not know 5. */
  readonly fallback: boolean
  readonly clientId: string
  readonly username?: string
  readonly password?: string
  readonly keepaliveMs: number
  readonly sessionExpiryMs: number
  readonly connectTimeoutMs: number
  /** Largest packet that is sent, in bytes, whatever the server says of itself. */
  readonly packetBytesMax?: number
  readonly tls: TlsSettings
  readonly proxy?: ProxySettings
  /** Topic templates; only the placeholders {device}, {point} (data) and {key} (results) are left in them. */
  readonly topics: { readonly data: string; readonly event: string; readonly result: string }
  /** Topics are sent as numbers after the first time, where the server allows it (MQTT 5). */
  readonly topicAliases: boolean
  readonly properties: PropertiesSettings
  /** What tells others about the gateway, beside the records. */
  readonly surface: SurfaceSettings
  /** Absent: this uplink brings no commands. */
  readonly commands?: CommandIntakeSettings
}

/** What accompanies each message of records (MQTT 5). */
export interface PropertiesSettings {
  readonly contentType: boolean
  /** The id of the record (of a batch: its first) as user property `id`. */
  readonly id: boolean
  /** User properties of the operator's own. */
  readonly user: Readonly<Record<string, string>>
  /** The server drops a message that nobody took for so long, in s. */
  readonly expirySeconds?: number
}

/** Topics beside the records; absent: switched off. All are retained but where the server cannot. */
export interface SurfaceSettings {
  /** `{"state":"online"}`, and the will. */
  readonly state?: string
  /** Versions, uplinks, what this gateway can do. */
  readonly info?: string
  readonly health?: { readonly topic: string; readonly everyMs: number }
  /** Devices with their points, units and access. */
  readonly devices?: string
  /** With the placeholder {device}: `{"state":"online"}` or `{"state":"offline","reason":"timeout"}`. */
  readonly availability?: string
}

/** An HTTP proxy that is asked to CONNECT (RFC 9110 section 9.3.6). */
export interface ProxySettings {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
}

/** `ca`, `cert` and `key` are PEM texts. */
export interface TlsSettings {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly alpn?: readonly string[]
  /** A key that both sides know (RFC 4279), instead of certificates. */
  readonly psk?: { readonly identity: string; readonly key: Uint8Array }
  readonly rejectUnauthorized: boolean
}

export interface CommandIntakeSettings {
  readonly subscribe: string
  /** Covers the commands of every gateway that is configured alike; absent: `subscribe` names no gateway. */
  readonly everyGateway?: string
  /** Where the last-value key is found. `level` counts as in Array.at: 0 is the first level, -1 the last. */
  readonly key:
    | { readonly from: 'topic'; readonly level: number }
    | { readonly from: 'user-property'; readonly name: string }
    | { readonly from: 'json'; readonly pointer: string }
  /** Commands the server may have on the way to us at a time (MQTT 5 Receive Maximum in CONNECT). */
  readonly receiveMaximum: number
  /** A message of our own goes through the queue every so often; absent: none does. */
  readonly canary?: { readonly topic: string; readonly everyMs: number }
}
