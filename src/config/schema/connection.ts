import { z } from 'zod'
import { choice, duration, joined, parsed, text, whole } from '../field.ts'
import { linePattern, numericLine, parseLine } from '../line.ts'
import { binaryFrame } from './binary-frame.ts'

/** A reply that takes longer than this is no reply. */
const timeout = () =>
  duration({ min: '10ms', max: '1m' })
    .prefault('1s')
    .meta({ description: 'How long to wait for the reply to one request, at most.' })

const timeoutMin = () =>
  duration({ min: '10ms', max: '1m' }).optional().meta({
    description:
      'A device known to answer quickly is not waited for longer than four times its usual time, but at least this long. The same as timeout: always wait that long. Default: 150ms.',
  })

const requestGap = () =>
  duration({ max: '10s' })
    .prefault('0s')
    .meta({ description: 'Pause between two requests, beyond the silence that the protocol demands.' })

const connectDelay = () =>
  duration({ max: '1m' }).prefault('0s').meta({ description: 'Pause after opening, before the first request.' })

const port = () =>
  text({ max: 256 }).meta({
    description: 'Path of the serial port; one under /dev/serial/by-id or by-path survives replugging.',
  })

const lineText = () => parsed(parseLine, { pattern: linePattern, numeric: (value) => joined(numericLine(value)) })

const line = () =>
  lineText().meta({ description: 'Baud rate, data bits, parity (N, E, O) and stop bits as one text: 9600 8N1.' })

const direction = () =>
  choice(['auto', 'rts', 'rts_inverted']).prefault('auto').meta({
    description:
      'Who switches an RS-485 line from receiving to sending. auto: the adapter or the kernel. rts: the RTS line, on while sending. rts_inverted: off while sending.',
  })

const silentAfter = () =>
  duration({ min: '1s', max: '30d' }).prefault('1m').meta({
    description:
      'A device that speaks by itself is offline after so long without a message that could be understood. Devices with a request are polled instead.',
  })

const exchange = () => ({ timeout: timeout(), request_gap: requestGap(), connect_delay: connectDelay() })

const modbusExchange = () => ({ ...exchange(), min_timeout: timeoutMin() })

const modbusTcp = z
  .strictObject({
    type: z.literal('modbus-tcp').meta({ description: 'Modbus over TCP.' }),
    host: text({ max: 255 }).meta({ description: 'Host name or IP address of the device or converter.' }),
    port: whole(1, 65_535).prefault(502).meta({ description: 'TCP port.' }),
    ...modbusExchange(),
  })
  .meta({ title: 'modbus-tcp' })

const modbusRtuOverTcp = z
  .strictObject({
    type: z.literal('modbus-rtu-over-tcp').meta({
      description: 'Modbus RTU frames over TCP, through a serial converter that passes them on as they are.',
    }),
    host: text({ max: 255 }).meta({ description: 'Host name or IP address of the converter.' }),
    port: whole(1, 65_535).prefault(502).meta({ description: 'TCP port.' }),
    line: lineText().optional().meta({
      description:
        'The serial line behind the converter, as in its own settings: 9600 8N1. It gives the silence between requests and the poll plan of check. Default: not known.',
    }),
    ...modbusExchange(),
  })
  .meta({ title: 'modbus-rtu-over-tcp' })

const modbusRtu = z
  .strictObject({
    type: z.literal('modbus-rtu').meta({ description: 'Modbus RTU over a serial port, usually RS-485.' }),
    port: port(),
    line: line(),
    direction: direction(),
    ...modbusExchange(),
  })
  .meta({ title: 'modbus-rtu' })

const modbusAscii = z
  .strictObject({
    type: z.literal('modbus-ascii').meta({ description: 'Modbus ASCII over a serial port; its line is often 7E1.' }),
    port: port(),
    line: line(),
    direction: direction(),
    ...modbusExchange(),
  })
  .meta({ title: 'modbus-ascii' })

const serialText = z
  .strictObject({
    type: z
      .literal('serial-text')
      .meta({ description: 'Devices that send lines of text, by themselves or when asked: a scale, a scanner, NMEA.' }),
    port: port(),
    line: line(),
    direction: direction(),
    ends_with: text({ max: 16 })
      .prefault('\n')
      .meta({ description: 'What ends a message on the wire; write it in double quotes.' }),
    checksum: choice(['none', 'nmea']).prefault('none').meta({
      description: 'nmea: lines are $...*hh (NMEA 0183), and one without or with a wrong checksum is left out.',
    }),
    silent_after: silentAfter(),
    ...exchange(),
  })
  .meta({ title: 'serial-text' })

const serialBinary = z
  .strictObject({
    type: z
      .literal('serial-binary')
      .meta({ description: 'Devices that send frames of bytes, by themselves or when asked.' }),
    port: port(),
    line: line(),
    direction: direction(),
    frame: binaryFrame,
    silent_after: silentAfter(),
    ...exchange(),
  })
  .meta({ title: 'serial-binary' })

const kinds = [modbusTcp, modbusRtuOverTcp, modbusRtu, modbusAscii, serialText, serialBinary] as const

export const connection = z.discriminatedUnion('type', kinds)

export const connectionTypes = kinds.map((kind) => kind.shape.type.value)

export type Connection = z.output<typeof connection>
