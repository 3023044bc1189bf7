/**
 * The configuration as the stages get it: checked, complete (every default filled in), durations in ms, sizes in bytes,
 * secrets resolved, frozen. `config/` makes it from YAML and is the only place with defaults.
 */
import type { CommandSettings } from './command-settings.ts'
import type { UplinkSettings } from './uplink-settings.ts'

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

export type ConnectionSettings = ModbusSettings | SerialTextSettings | SerialBinarySettings
export type ModbusSettings = ModbusTcpSettings | ModbusRtuOverTcpSettings | ModbusRtuSettings | ModbusAsciiSettings

interface ConnectionCommon {
  readonly name: string
  readonly devices: readonly DeviceSettings[]
  /** How long to wait for the reply to one request, at most. */
  readonly timeoutMs: number
  /** Pause between two requests, beyond what the protocol demands. */
  readonly requestGapMs: number
  /** Pause after the port or socket has opened. */
  readonly connectDelayMs: number
}

interface ModbusCommon extends ConnectionCommon {
  /**
   * A device that is known to answer quickly is not waited for longer than a multiple of its usual time, but at least this
   * long. Equal to `timeoutMs`: always wait that long.
   */
  readonly timeoutMinMs: number
}

interface SocketCommon {
  readonly host: string
  readonly port: number
}

interface LineCommon {
  /** Path of the serial port. */
  readonly port: string
  readonly line: LineSettings
  readonly direction: Direction
}

/**
 * Who switches a two-wire RS-485 transceiver from receiving to sending. auto: the adapter or the kernel. rts: we do, by the
 * RTS line (on while sending); rts_inverted: off while sending.
 */
export type Direction = 'auto' | 'rts' | 'rts_inverted'

export interface ModbusTcpSettings extends ModbusCommon, SocketCommon {
  readonly type: 'modbus-tcp'
}

/** RTU frames through a converter that passes them on as they are. */
export interface ModbusRtuOverTcpSettings extends ModbusCommon, SocketCommon {
  readonly type: 'modbus-rtu-over-tcp'
  /** The line behind the converter, for the silence between frames and the poll plan; absent: not known. */
  readonly line?: LineSettings
}

export interface ModbusRtuSettings extends ModbusCommon, LineCommon {
  readonly type: 'modbus-rtu'
}

export interface ModbusAsciiSettings extends ModbusCommon, LineCommon {
  readonly type: 'modbus-ascii'
}

interface SpeakingCommon extends ConnectionCommon, LineCommon {
  /** A device that sent no message it could understand for this long is offline. Devices with a `request` are polled instead. */
  readonly silentAfterMs: number
}

export interface SerialTextSettings extends SpeakingCommon {
  readonly type: 'serial-text'
  /** What ends a message, as sent on the wire. */
  readonly endsWith: string
  /** nmea: `$...*hh`, the XOR of everything between (NMEA 0183); a line without or with a wrong one is left out. */
  readonly checksum: 'none' | 'nmea'
}

export interface SerialBinarySettings extends SpeakingCommon {
  readonly type: 'serial-binary'
  readonly frame: BinaryFrameSettings
}

/** How frames of bytes are told apart. All positions count from 0, the first byte of `startsWith`. */
export interface BinaryFrameSettings {
  /** Bytes every frame begins with; may be empty when the length is fixed. */
  readonly startsWith: Uint8Array
  /**
   * Bytes of a whole frame: fixed, or read from the frame (a number of `bytes` bytes at `at`, to which `adds` is added to
   * get the length of the whole frame).
   */
  readonly length:
    | { readonly fixed: number }
    | { readonly at: number; readonly bytes: 1 | 2; readonly littleEndian: boolean; readonly adds: number }
  /** Over the bytes from `from` up to the checksum itself, which stands at the end of the frame but for `behind` bytes. */
  readonly checksum?: {
    readonly kind: 'sum8' | 'sum16' | 'xor8' | 'complement8' | 'crc16_modbus' | 'crc16_ccitt'
    readonly from: number
    readonly behind: number
    readonly littleEndian: boolean
  }
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
  /** The device profile its points come from, such as `eastron/sdm630`. */
  readonly profile?: string
  /** Modbus address, 1..247, on TCP also 0 and 255; 1 where it has no meaning. */
  readonly unitId: number
  /** Regular expression with named groups (serial-text), else absent. */
  readonly pattern?: string
  /** serial-binary: bytes at positions of the frame by which its frames are told from those of others. */
  readonly match?: readonly { readonly at: number; readonly bytes: Uint8Array }[]
  /** serial-text and serial-binary: what is sent to get one message. Absent: the device speaks by itself. */
  readonly request?: Uint8Array
  /** Registers one request may ask for (1..125). */
  readonly registersMax: number
  /** Unused registers that may be read along to save a request. */
  readonly holeMax: number
  /** Each point in a request of its own, for devices that cannot do better. */
  readonly onePointPerRequest?: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly PointSettings[]
}

export type RegisterTable = 'holding' | 'input' | 'coil' | 'discrete'
export type ByteOrder = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA'
export type PointType =
  | 'int8' // serial-binary only
  | 'uint8' // serial-binary only
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'bcd16' // four decimal digits
  | 'bcd32' // eight
  | 'bit'
  | 'bits' // a number of `width` bits, the lowest of them is `bit`
  | 'bool'
  | 'string'
  | 'number' // serial text: whatever number the group holds

export interface PointSettings {
  readonly name: string
  readonly type: PointType
  readonly access: 'ro' | 'rw' | 'wo'
  /** How often it is read, in ms. 0 where the device speaks by itself, or where `schedule` says when. */
  readonly intervalMs: number
  /** Cron expression (five fields, or six with seconds first), in the time zone of the machine. */
  readonly schedule?: string
  /** Absent: every reading is reported. */
  readonly report?: ReportSettings
  /** Modbus only, but for `address`, which in a serial-binary frame is the position of its first byte. Both count from 0. */
  readonly register: RegisterTable
  readonly address: number
  readonly byteOrder: ByteOrder
  /** Which bit of the register (types bit and bits), 0 is the least significant. */
  readonly bit: number
  /** How many bits (type bits), 1..16; `bit + width` is at most 16. */
  readonly width?: number
  /** Registers a string takes; in a serial-binary frame, bytes. */
  readonly length: number
  /** value = raw * scale + offset, then rounded to `precision` digits when given. */
  readonly scale: number
  readonly offset: number
  readonly precision?: number
  /** Name of the point of this device that holds the power of ten for this one (SunSpec scale factor): raw * 10 ** it. */
  readonly scaleFrom?: string
  /** true and false change places. For numbers, `scale` and `offset` have the other sign already. */
  readonly invert?: boolean
  /** Raw register values (before scaling) that mean "no value"; compared over all the point's bytes, in byte order ABCD. */
  readonly invalid: readonly bigint[]
  readonly unit?: string
  readonly kind: 'gauge' | 'counter'
  /** A reading older than this is not wanted any more, in ms; absent: it is wanted however late it comes. */
  readonly expiresAfterMs?: number
  /** Limits for writes, after scaling. */
  readonly min?: number
  readonly max?: number
  /** What a sound device of this kind shows, after scaling: for `scan`, `probe` and `profiles test`, never to alter a value. */
  readonly plausible?: { readonly min: number; readonly max: number }
}

/** Report by exception: a value is reported when it differs from the last one reported by more than `deadband`. */
export interface ReportSettings {
  /** Absent: any other value counts. percent: of the last reported value. */
  readonly deadband?: { readonly absolute: number } | { readonly percent: number }
  /** Reported at the latest so long after the last time, changed or not. */
  readonly atLeastEveryMs?: number
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
