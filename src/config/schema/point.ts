import { z } from 'zod'
import { ADDRESS_END, REGISTERS_READ_MAX } from '../../modbus-limits.ts'
import { parseSchedule } from '../cron.ts'
import { choice, duration, flag, parsed, real, text, whole } from '../field.ts'
import { refPattern } from '../ref.ts'
import { shown } from '../shown.ts'
import { parsePercent, parseSpan, percentPattern, spanPattern } from '../span.ts'

/** What a point is when its file says nothing, as far as that does not depend on the device. */
export const pointDefaults = { register: 'holding', byteOrder: 'ABCD', bitType: 'bool', textType: 'number' } as const

const registerTables = ['holding', 'input', 'coil', 'discrete'] as const
const byteOrders = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const

export const pointTypes = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
  'bit',
  'bits',
  'bool',
  'string',
  'number',
] as const

/** More markers than this are a table, and belong behind the gateway. */
const invalidMarkersMax = 16

const rawValue = z.union([z.int(), z.bigint(), z.number(), z.nan()], {
  error: 'expected a number such as 0x7FFF or -32768, or a list of them',
})

export const interval = () => duration({ min: '10ms', max: '30d' })

export const expiry = () => duration({ min: '1s', max: '3650d' }).optional()

export const byteOrder = () => choice(byteOrders)

export const schedule = () => parsed(parseSchedule).optional()

const below0 = (issue: { readonly input?: unknown }) => `${String(issue.input)} is below 0`

const noSpan = (value: number) => `expected a range such as 180..260, got ${value}`

/** When a reading becomes a record: the keys of a device, for all its points, and of a point. */
export const reporting = {
  report: choice(['always', 'on_change']).optional(),
  deadband: z
    .union([real().min(0, { error: below0 }), parsed(parsePercent, { pattern: percentPattern })], {
      error: (issue) => `expected a number such as 0.5, or a share such as 2%, got ${shown(issue.input)}`,
    })
    .optional(),
  at_least_every: duration({ min: '1s', max: '30d' }).optional(),
}

export const point = z.strictObject({
  ref: z
    .union([z.string().meta({ pattern: refPattern }), z.int()], {
      error: 'expected a datasheet reference such as 30013',
    })
    .optional()
    .meta({
      description:
        'Where it is, in datasheet notation that counts from 1: 30013 is input register 12, 400001 holding register 0. Instead of register and address.',
    }),
  register: choice(registerTables)
    .optional()
    .meta({ description: 'Table of the address: holding, input, coil or discrete. Default: holding.' }),
  address: whole(0, ADDRESS_END - 1, 'addresses count from 0, as on the wire')
    .optional()
    .meta({ description: 'Address counting from 0, as on the wire; 0x00F0 is allowed.' }),
  type: choice(pointTypes).optional().meta({
    description:
      'How to read it. Registers and bytes of a frame need one; coils and discrete inputs are bool; text devices have number (default), string and bool.',
  }),
  at: whole(0, 1023, 'positions count from 0, the first byte of the frame')
    .optional()
    .meta({ description: 'Position of its first byte in the frame, counting from 0 (serial-binary only).' }),
  bit: whole(0, 15, 'a register has 16 bits')
    .optional()
    .meta({ description: 'Which bit (type bit), or the lowest of them (type bits); 0 is the least significant.' }),
  width: whole(1, 16, 'a register has 16 bits')
    .optional()
    .meta({ description: 'How many bits make the number (type bits).' }),
  length: whole(1, REGISTERS_READ_MAX, 'one request reads no more')
    .optional()
    .meta({ description: 'Registers that a string takes, two characters each; in a frame of bytes, bytes.' }),
  byte_order: byteOrder().optional().meta({
    description: 'Order of the bytes, ABCD is big-endian. Default: that of the device for 32 and 64 bits, else ABCD.',
  }),
  scale: real().prefault(1).meta({ description: 'value = raw * scale + offset.' }),
  offset: real().prefault(0).meta({ description: 'Added after scaling.' }),
  scale_from: text({ max: 64 }).optional().meta({
    description:
      'Name of the point of this device that holds the power of ten for this one (SunSpec scale factor): raw * 10 ** it, then scale and offset.',
  }),
  invert: flag()
    .prefault(false)
    .meta({ description: 'true: numbers get the other sign, true and false change places.' }),
  precision: whole(0, 15)
    .optional()
    .meta({ description: 'Digits behind the point to round to. Default: not rounded.' }),
  invalid: z
    .union([rawValue, z.array(rawValue).max(invalidMarkersMax, `has more than ${invalidMarkersMax} entries`)], {
      error: 'expected a number such as 0x7FFF or -32768, or a list of them',
    })
    .optional()
    .meta({
      description:
        'Raw values, before scaling, that mean "no value": the record then carries the error code invalid. Hex stands for the bits as sent. Default: none.',
    }),
  unit: text({ max: 32 }).optional().meta({ description: 'Unit of the value, for people and metrics: °C, kWh.' }),
  kind: choice(['gauge', 'counter'])
    .prefault('gauge')
    .meta({ description: 'gauge: goes up and down. counter: only grows.' }),
  access: choice(['ro', 'rw', 'wo'])
    .prefault('ro')
    .meta({ description: 'ro: read. rw: read and written by commands. wo: only written.' }),
  min: real().optional().meta({ description: 'The smallest value a command may write, after scaling.' }),
  max: real().optional().meta({ description: 'The largest value a command may write, after scaling.' }),
  plausible: parsed(parseSpan, { pattern: spanPattern, numeric: noSpan }).optional().meta({
    description:
      'What a sound device shows here, such as 180..260, after scaling: for scan, probe and profiles. It never alters a value.',
  }),
  interval: interval().optional().meta({ description: 'How often it is read. Default: that of the device.' }),
  schedule: schedule().meta({
    description:
      'When it is read, instead of an interval, as a cron expression: "0 6,14,22 * * *". Default: that of the device.',
  }),
  report: reporting.report.meta({
    description:
      'always: every reading is sent. on_change: only one that differs from the last one sent. Default: that of the device, or always.',
  }),
  deadband: reporting.deadband.meta({
    description:
      'With report: on_change, how far a value must be from the last one sent; 2% is a share of that one. Default: that of the device, or any difference.',
  }),
  at_least_every: reporting.at_least_every.meta({
    description:
      'With report: on_change, sent at the latest after so long, changed or not. Default: that of the device.',
  }),
  expires_after: expiry().meta({
    description: 'A reading older than this is not sent any more, but counted as dropped. Default: that of the device.',
  }),
})

export type Point = z.output<typeof point>
