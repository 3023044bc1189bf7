import { z } from 'zod'
import { text, whole } from '../field.ts'
import { labels } from './gateway.ts'
import { byteOrder, expiry, interval, point, registersMax } from './point.ts'

/** MODBUS Messaging on TCP/IP V1.0b, 4.4.2: 255 addresses the server itself when there is no bus behind it. */
export const unitIdOfTcpServer = 255
export const unitIdMax = 247

/** Modbus address of a device when its file says nothing (only on TCP, where it often has no meaning). */
export const unitIdDefault = 1

/** A pattern longer than this is a program. */
const patternLengthMax = 1000

export const device = z.strictObject({
  connection: text({ max: 64 }).meta({ description: 'Name of the connection it is reached by.' }),
  unit_id: z
    .int()
    .min(0, { error: (issue) => `${String(issue.input)} is below 0` })
    .max(unitIdOfTcpServer, {
      error: (issue) => `${String(issue.input)} is above ${unitIdMax} (248..255 are reserved)`,
    })
    .optional()
    .meta({
      description: `Modbus address, 1..${unitIdMax}; on TCP also 0 and ${unitIdOfTcpServer}. Default on TCP: ${unitIdDefault}.`,
    }),
  interval: interval().prefault('10s').meta({ description: 'How often its points are read.' }),
  expires_after: expiry().meta({
    description: 'Readings older than this are not sent any more, but counted as dropped. Default: sent however late.',
  }),
  byte_order: byteOrder().prefault('ABCD').meta({ description: 'Order of the bytes of its 32 and 64-bit points.' }),
  max_registers: whole(1, registersMax, 'one Modbus request reads no more')
    .prefault(registersMax)
    .meta({ description: 'Registers one request may ask for.' }),
  // At 9600 baud an exchange costs as much as 15 registers, over TCP a register costs nothing.
  max_hole: whole(0, registersMax).prefault(10).meta({
    description:
      'Unused registers that may be read along to save a request. A device that refuses them is read without.',
  }),
  pattern: text({ max: patternLengthMax })
    .optional()
    .meta({ description: 'Regular expression with one named group per point (serial-text only).' }),
  labels: labels(),
  points: z
    .record(z.string(), point)
    .meta({ description: 'The measured and written things of this device, by name.', minProperties: 1 }),
})

export type Device = z.output<typeof device>
