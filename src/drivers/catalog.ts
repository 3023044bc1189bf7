import { type Clock, systemClock } from '../clock.ts'
import type { ConnectionSettings } from '../settings.ts'
import type { Driver } from './driver.ts'
import { byteMsOf } from './line.ts'
import { rtu, tcp } from './modbus/frame.ts'
import { silenceMsOf } from './modbus/link.ts'
import { ModbusDriver } from './modbus/modbus.ts'
import type { OpenPort } from './port/port.ts'
import { openSerialPort } from './port/serial.ts'
import { openTcpPort } from './port/tcp.ts'
import { SerialTextDriver } from './serial/text.ts'

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
      return new ModbusDriver(connection, {
        openPort: standIn ?? openTcpPort(connection.host, connection.port),
        framing: tcp,
        timing: {
          timeoutMs: connection.timeoutMs,
          requestGapMs: connection.requestGapMs,
          silenceMs: 0,
          byteMs: 0,
        },
        clock,
      })
    case 'modbus-rtu': {
      const byteMs = byteMsOf(connection.line)
      return new ModbusDriver(connection, {
        openPort: standIn ?? openSerialPort(connection.port, connection.line),
        framing: rtu,
        timing: {
          timeoutMs: connection.timeoutMs,
          requestGapMs: connection.requestGapMs,
          silenceMs: silenceMsOf(connection.line.baud, byteMs),
          byteMs,
        },
        clock,
      })
    }
    case 'serial-text':
      return new SerialTextDriver(connection, {
        openPort: standIn ?? openSerialPort(connection.port, connection.line),
      })
    case 'modbus-ascii':
    case 'modbus-rtu-over-tcp':
    case 'serial-binary':
      throw new Error(`${connection.type} is not built yet`)
  }
}
