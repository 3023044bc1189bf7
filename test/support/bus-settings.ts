import type {
  DeviceSettings,
  ModbusAsciiSettings,
  ModbusRtuOverTcpSettings,
  ModbusRtuSettings,
  ModbusTcpSettings,
  PointSettings,
  SerialTextSettings,
} from '../../src/settings.ts'

/** A complete point; what a test is about is given, the rest is plain. */
export function pointWith(given: Partial<PointSettings> & { readonly name: string }): PointSettings {
  return {
    type: 'uint16',
    access: 'ro',
    intervalMs: 1_000,
    register: 'holding',
    address: 0,
    byteOrder: 'ABCD',
    bit: 0,
    length: 1,
    scale: 1,
    offset: 0,
    invalid: [],
    kind: 'gauge',
    ...given,
  }
}

export function deviceWith(given: Partial<DeviceSettings> & { readonly name: string }): DeviceSettings {
  return { connection: 'bus', unitId: 1, registersMax: 125, holeMax: 8, labels: {}, points: [], ...given }
}

export function rtuSettings(
  devices: readonly DeviceSettings[],
  given: Partial<ModbusRtuSettings> = {},
): ModbusRtuSettings {
  return {
    type: 'modbus-rtu',
    name: 'bus',
    port: '/dev/null',
    line: { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 },
    direction: 'auto',
    timeoutMs: 100,
    timeoutMinMs: 100,
    requestGapMs: 0,
    connectDelayMs: 0,
    devices,
    ...given,
  }
}

export function asciiSettings(
  devices: readonly DeviceSettings[],
  given: Partial<ModbusAsciiSettings> = {},
): ModbusAsciiSettings {
  const line = { baud: 9600, dataBits: 7, parity: 'even', stopBits: 1 } as const
  return { ...rtuSettings(devices), type: 'modbus-ascii', line, ...given }
}

export function rtuOverTcpSettings(
  devices: readonly DeviceSettings[],
  given: Partial<ModbusRtuOverTcpSettings> = {},
): ModbusRtuOverTcpSettings {
  return { ...tcpSettings(devices), type: 'modbus-rtu-over-tcp', ...given }
}

export function tcpSettings(
  devices: readonly DeviceSettings[],
  given: Partial<ModbusTcpSettings> = {},
): ModbusTcpSettings {
  return {
    type: 'modbus-tcp',
    name: 'lan',
    host: '127.0.0.1',
    port: 502,
    timeoutMs: 100,
    timeoutMinMs: 100,
    requestGapMs: 0,
    connectDelayMs: 0,
    devices,
    ...given,
  }
}

/** What connections of devices that speak by themselves have in common. */
export const speaking = {
  port: '/dev/null',
  line: { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 },
  direction: 'auto',
  timeoutMs: 1_000,
  requestGapMs: 0,
  connectDelayMs: 0,
  silentAfterMs: 5_000,
} as const

export function textSettings(
  devices: readonly DeviceSettings[],
  given: Partial<SerialTextSettings> = {},
): SerialTextSettings {
  return {
    type: 'serial-text',
    name: 'scale-port',
    ...speaking,
    checksum: 'none',
    endsWith: '\r\n',
    devices,
    ...given,
  }
}
