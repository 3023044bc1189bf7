import { type Clock, systemClock } from '../clock.ts'
import type { ConnectionSettings } from '../settings.ts'
import type { Driver } from './driver.ts'
import { ascii } from './modbus/ascii.ts'
import { rtu, tcp } from './modbus/frame.ts'
import { ModbusDriver } from './modbus/modbus.ts'
import type { OpenPort } from './port/port.ts'
import { openSerialPort } from './port/serial.ts'
import { openTcpPort } from './port/tcp.ts'
import { binaryFormat } from './serial/binary.ts'
import { SerialDriver } from './serial/serial.ts'
import { textFormat } from './serial/text.ts'

export interface DriverOptions {
  readonly clock?: Clock
  /** What stands in for a connection's serial port or socket (demo, tests); undefined for the real one. */
  readonly openPort?: (connection: ConnectionSettings) => OpenPort | undefined
}

/** The driver for a connection. Every driver there is stands here; none is found by itself. */
export function createDriver(connection: ConnectionSettings, options: DriverOptions = {}): Driver {
  const { clock = systemClock } = options
  const standIn = options.openPort?.(connection)
  switch (connection.type) {
    case 'modbus-tcp':
    case 'modbus-rtu-over-tcp': {
      const openPort = standIn ?? openTcpPort(connection.host, connection.port)
      return new ModbusDriver(connection, { openPort, framing: connection.type === 'modbus-tcp' ? tcp : rtu, clock })
    }
    case 'modbus-rtu':
    case 'modbus-ascii': {
      const openPort = standIn ?? openSerialPort(connection.port, connection.line, connection)
      return new ModbusDriver(connection, { openPort, framing: connection.type === 'modbus-rtu' ? rtu : ascii, clock })
    }
    case 'serial-text': {
      const openPort = standIn ?? openSerialPort(connection.port, connection.line, connection)
      return new SerialDriver(connection, { openPort, format: textFormat(connection), clock })
    }
    case 'serial-binary': {
      const openPort = standIn ?? openSerialPort(connection.port, connection.line, connection)
      return new SerialDriver(connection, { openPort, format: binaryFormat(connection), clock })
    }
  }
}
