import { z } from 'zod'
import { duration, joined, parsed, text, whole } from '../field.ts'
import { linePattern, numericLine, parseLine } from '../line.ts'

/** A reply that takes longer than this is no reply. */
const timeout = () =>
  duration({ min: '10ms', max: '1m' })
    .prefault('1s')
    .meta({ description: 'How long to wait for the reply to one request.' })

const requestGap = () =>
  duration({ max: '10s' })
    .prefault('0s')
    .meta({ description: 'Pause between two requests, beyond the silence that the protocol demands.' })

const connectDelay = () =>
  duration({ max: '1m' }).prefault('0s').meta({ description: 'Pause after opening, before the first request.' })

const serialPort = () =>
  text({ max: 256 }).meta({
    description: 'Path of the serial port; one under /dev/serial/by-id or by-path survives replugging.',
  })

const line = () =>
  parsed(parseLine, { pattern: linePattern, numeric: (value) => joined(numericLine(value)) }).meta({
    description: 'Baud rate, data bits, parity (N, E, O) and stop bits as one text: 9600 8N1.',
  })

const modbusTcp = z
  .strictObject({
    type: z.literal('modbus-tcp').meta({ description: 'Modbus over TCP.' }),
    host: text({ max: 255 }).meta({ description: 'Host name or IP address of the device or converter.' }),
    port: whole(1, 65_535).prefault(502).meta({ description: 'TCP port.' }),
    timeout: timeout(),
    request_gap: requestGap(),
    connect_delay: connectDelay(),
  })
  .meta({ title: 'modbus-tcp' })

const modbusRtu = z
  .strictObject({
    type: z.literal('modbus-rtu').meta({ description: 'Modbus RTU over a serial port, usually RS-485.' }),
    port: serialPort(),
    line: line(),
    timeout: timeout(),
    request_gap: requestGap(),
    connect_delay: connectDelay(),
  })
  .meta({ title: 'modbus-rtu' })

const serialText = z
  .strictObject({
    type: z
      .literal('serial-text')
      .meta({ description: 'A device that sends lines of text by itself: a scale, a scanner.' }),
    port: serialPort(),
    line: line(),
    ends_with: text({ max: 16 })
      .prefault('\n')
      .meta({ description: 'What ends a message on the wire; write it in double quotes.' }),
    silent_after: duration({ min: '1s', max: '30d' })
      .prefault('1m')
      .meta({ description: 'A device without an understandable message for this long is offline.' }),
  })
  .meta({ title: 'serial-text' })

export const connection = z.discriminatedUnion('type', [modbusTcp, modbusRtu, serialText])

export type Connection = z.output<typeof connection>
