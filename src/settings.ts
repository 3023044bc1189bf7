/**
 * The configuration as the stages get it: checked, complete (every default filled in), durations in ms, sizes in bytes,
 * secrets resolved, frozen. `config/` makes it from YAML and is the only place with defaults.
 */

export interface Settings {
  readonly gateway: GatewaySettings
  readonly connections: readonly ConnectionSettings[]
  readonly commands: readonly CommandSettings[]
  readonly uplinks: readonly UplinkSettings[]
  readonly outbox: OutboxSettings
  readonly inbox: InboxSettings
}

export interface GatewaySettings {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  /** auto: the wall clock counts once a time service says so. trusted: it always counts. */
  readonly clock: 'auto' | 'trusted'
}

export type ConnectionSettings = ModbusTcpSettings | ModbusRtuSettings | SerialTextSettings

interface ConnectionCommon {
  readonly name: string
  readonly devices: readonly DeviceSettings[]
  /** How long to wait for a reply to one request. */
  readonly timeoutMs: number
}

interface ModbusCommon extends ConnectionCommon {
  /** Pause between two requests, beyond what the protocol demands. */
  readonly requestGapMs: number
  /** Pause after the port or socket has opened. */
  readonly connectDelayMs: number
}

export interface ModbusTcpSettings extends ModbusCommon {
  readonly type: 'modbus-tcp'
  readonly host: string
  readonly port: number
}

export interface ModbusRtuSettings extends ModbusCommon {
  readonly type: 'modbus-rtu'
  readonly port: string
  readonly line: LineSettings
}

export interface SerialTextSettings extends ConnectionCommon {
  readonly type: 'serial-text'
  readonly port: string
  readonly line: LineSettings
  /** What ends a message, as sent on the wire. */
  readonly endsWith: string
  /** A device that sent no line it could understand for this long is offline. */
  readonly silentAfterMs: number
}

/** "9600 8N1". */
export interface LineSettings {
  readonly baud: number
  readonly dataBits: 7 | 8
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

export interface DeviceSettings {
  readonly name: string
  readonly connection: string
  /** Modbus address, 1..247, on TCP also 0 and 255; 1 where it has no meaning. */
  readonly unitId: number
  /** Regular expression with named groups (serial-text), else absent. */
  readonly pattern?: string
  /** Registers one request may ask for (1..125). */
  readonly registersMax: number
  /** Unused registers that may be read along to save a request. */
  readonly holeMax: number
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly PointSettings[]
}

export type RegisterTable = 'holding' | 'input' | 'coil' | 'discrete'
export type ByteOrder = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA'
export type PointType =
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'bit'
  | 'bool'
  | 'string'
  | 'number' // serial text: whatever number the group holds

export interface PointSettings {
  readonly name: string
  readonly type: PointType
  readonly access: 'ro' | 'rw' | 'wo'
  /** How often it is read, in ms. 0 where the device speaks by itself. */
  readonly intervalMs: number
  /** Modbus only. `address` counts from 0, as on the wire. */
  readonly register: RegisterTable
  readonly address: number
  readonly byteOrder: ByteOrder
  /** Which bit of the register (type bit), 0 is the least significant. */
  readonly bit: number
  /** Registers a string takes. */
  readonly length: number
  /** value = raw * scale + offset, then rounded to `precision` digits when given. */
  readonly scale: number
  readonly offset: number
  readonly precision?: number
  /** Raw register values (before scaling) that mean "no value"; compared over all the point's bytes, in byte order ABCD. */
  readonly invalid: readonly bigint[]
  readonly unit?: string
  readonly kind: 'gauge' | 'counter'
  /** A reading older than this is not wanted any more, in ms; absent: it is wanted however late it comes. */
  readonly expiresAfterMs?: number
  /** Limits for writes, after scaling. */
  readonly min?: number
  readonly max?: number
}

export interface CommandSettings {
  /** The last-value key. */
  readonly key: string
  readonly device: string
  readonly point: string
  readonly mode: 'last_value' | 'queue'
  readonly expiresAfterMs: number
  readonly verify: 'none' | 'read_back'
  readonly repeatable: boolean
  readonly acceptRetained: boolean
}

export type UplinkSettings = MqttSettings

interface UplinkCommon {
  readonly name: string
  /** Messages in flight at most, on our side; the server may allow fewer. */
  readonly window: number
  readonly order: 'oldest_first'
  /** Link up and answering, but no acknowledgement for this long: the session is closed and opened again. */
  readonly ackTimeoutMs: number
  readonly delivery: 'at_least_once'
  /** Where an uplink that has no position yet begins. */
  readonly startAt: StartAt
  /** The name this uplink had before: it takes over that one's position and books. */
  readonly formerly?: string
  readonly batch?: BatchSettings
  readonly backoff: { readonly minMs: number; readonly maxMs: number }
}

/** head: the oldest record there is. tail: only new ones. Else the first record of this time (Unix ms) or number, or later. */
export type StartAt = 'head' | 'tail' | { readonly ts: number } | { readonly seq: number }

/** Several records in one message, as a JSON array. */
export interface BatchSettings {
  readonly recordsMax: number
  readonly bytesMax: number
  readonly waitMaxMs: number
}

export interface MqttSettings extends UplinkCommon {
  readonly type: 'mqtt'
  /** Tried in turn. */
  readonly urls: readonly string[]
  readonly protocol: 5 | 3
  readonly clientId: string
  readonly username?: string
  readonly password?: string
  readonly keepaliveMs: number
  readonly sessionExpiryMs: number
  readonly connectTimeoutMs: number
  readonly tls: TlsSettings
  /** Topic templates; only the placeholders {device} (data) and {key} (results) are left in them. */
  readonly topics: { readonly data: string; readonly event: string; readonly result: string }
  /** Absent: this uplink brings no commands. */
  readonly commands?: CommandIntakeSettings
}

/** `ca`, `cert` and `key` are PEM texts. */
export interface TlsSettings {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly rejectUnauthorized: boolean
}

export interface CommandIntakeSettings {
  readonly subscribe: string
  /** Where the last-value key is found. `level` counts as in Array.at: 0 is the first level, -1 the last. */
  readonly key:
    | { readonly from: 'topic'; readonly level: number }
    | { readonly from: 'user-property'; readonly name: string }
    | { readonly from: 'json'; readonly pointer: string }
  /** Commands the server may have on the way to us at a time (MQTT 5 Receive Maximum in CONNECT). */
  readonly receiveMaximum: number
}

export interface OutboxSettings {
  /** Readings of at most this long are lost by a power cut. 0 syncs every batch. */
  readonly commitIntervalMs: number
  readonly maxAgeMs: number
  readonly maxSizeBytes: number
  /** While the disk has less than this free, the database file does not grow. */
  readonly minFreeDiskBytes: number
  readonly whenFull: 'drop_oldest' | 'pause_polling'
  /** What every uplink has is kept this long, to be sent again on demand. 0: not at all. */
  readonly keepDeliveredMs: number
}

export interface InboxSettings {
  /** How long finished commands are remembered, to answer repeats. */
  readonly keepHistoryMs: number
}
