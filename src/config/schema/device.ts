import { z } from 'zod'
import { REGISTERS_READ_MAX } from '../../modbus-limits.ts'
import { flag, text, whole } from '../field.ts'
import { hex } from './binary-frame.ts'
import { labels } from './gateway.ts'
import { byteOrder, expiry, interval, point, reporting, schedule } from './point.ts'

/** MODBUS Messaging on TCP/IP V1.0b, 4.4.2: 255 addresses the server itself when there is no bus behind it. */
export const unitIdOfTcpServer = 255
export const unitIdMax = 247

/** Modbus address of a device when its file says nothing (only on TCP, where it often has no meaning). */
export const unitIdDefault = 1

/** A pattern longer than this is a program. */
export const patternLengthMax = 1000

/** A longer request is a program too. */
export const requestLengthMax = 1000

/** More globs than this are a profile of their own. */
const globsMax = 64

const globs = () =>
  z
    .array(text({ max: 64 }))
    .max(globsMax, `has more than ${globsMax} entries`)
    .optional()

/** What a device of some kind is asked like; also a profile says this. */
export const pace = {
  interval: interval().prefault('10s').meta({ description: 'How often its points are read.' }),
  byte_order: byteOrder().prefault('ABCD').meta({ description: 'Order of the bytes of its 32 and 64-bit points.' }),
  max_registers: whole(1, REGISTERS_READ_MAX, 'one Modbus request reads no more')
    .prefault(REGISTERS_READ_MAX)
    .meta({ description: 'Registers one request may ask for.' }),
  // At 9600 baud an exchange costs as much as 15 registers, over TCP a register costs nothing.
  max_hole: whole(0, REGISTERS_READ_MAX).prefault(10).meta({
    description:
      'Unused registers that may be read along to save a request. A device that refuses them is read without.',
  }),
  one_point_per_request: flag().prefault(false).meta({
    description: 'true: every point in a request of its own, for devices that cannot do better.',
  }),
}

export const device = z.strictObject({
  connection: text({ max: 64 }).meta({ description: 'Name of the connection it is reached by.' }),
  profile: text({ max: 128 }).optional().meta({
    description:
      'The device profile its points come from, such as eastron/sdm630; tidegate profiles lists them. Default: none.',
  }),
  include: globs().meta({
    description: 'Which points of the profile are wanted, as names or with * and ?: [voltage*, power]. Default: all.',
  }),
  exclude: globs().meta({ description: 'Which points of the profile are not wanted, as for include. Default: none.' }),
  unit_id: z
    .int()
    .min(0, { error: (issue) => `${String(issue.input)} is below 0` })
    .max(unitIdOfTcpServer, {
      error: (issue) =>
        `${String(issue.input)} is above ${unitIdMax}; on TCP 0 and ${unitIdOfTcpServer} are possible, too`,
    })
    .optional()
    .meta({
      description: `Modbus address, 1..${unitIdMax}; on TCP also 0 and ${unitIdOfTcpServer}. Default on TCP: ${unitIdDefault}.`,
    }),
  ...pace,
  schedule: schedule().meta({
    description:
      'When its points are read, instead of an interval, as a cron expression: "0 6,14,22 * * *". Default: none.',
  }),
  report: reporting.report.meta({
    description:
      'For all its points. always: every reading is sent. on_change: only one that differs from the last one sent. Default: always.',
  }),
  deadband: reporting.deadband.meta({
    description:
      'With report: on_change, how far a number must be from the last one sent; 2% is a share of that one. Default: any difference.',
  }),
  at_least_every: reporting.at_least_every.meta({
    description: 'With report: on_change, sent at the latest after so long, changed or not. Default: not limited.',
  }),
  expires_after: expiry().meta({
    description: 'Readings older than this are not sent any more, but counted as dropped. Default: sent however late.',
  }),
  pattern: text({ max: patternLengthMax })
    .optional()
    .meta({ description: 'Regular expression with one named group per point (serial-text only).' }),
  match: z.record(z.string(), hex()).optional().meta({
    description:
      'By which bytes its frames are told from those of others, by position, in quotes: { 2: "01" } (serial-binary only). Default: all frames.',
  }),
  request: text({ max: requestLengthMax }).optional().meta({
    description:
      'What is sent to get one message: text in double quotes with its line end, "P\\r\\n", or bytes in hexadecimal (serial-binary). It is sent every interval. Default: the device speaks by itself.',
  }),
  labels: labels(),
  points: z.record(z.string(), point).optional().meta({
    description:
      'The measured and written things of this device, by name; with a profile, what is added to its points or differs from them. Default: those of the profile.',
    minProperties: 1,
  }),
})

export type Device = z.output<typeof device>
