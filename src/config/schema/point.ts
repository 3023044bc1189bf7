import { z } from 'zod'
import { choice, duration, real, text, whole } from '../field.ts'
import { refPattern } from '../ref.ts'

/** What a point is when its file says nothing, as far as that does not depend on the device. */
export const pointDefaults = { register: 'holding', byteOrder: 'ABCD', bitType: 'bool', textType: 'number' } as const

const registerTables = ['holding', 'input', 'coil', 'discrete'] as const
const byteOrders = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const

export const pointTypes = [
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'bit',
  'bool',
  'string',
  'number',
] as const

/** More markers than this are a table, and belong behind the gateway. */
const invalidMarkersMax = 16

/** One request reads at most 125 registers (MODBUS Application Protocol V1.1b3, 6.3). */
export const registersMax = 125

const rawValue = z.union([z.int(), z.bigint(), z.number(), z.nan()], {
  error: 'expected a number such as 0x7FFF or -32768, or a list of them',
})

export const interval = () => duration({ min: '10ms', max: '30d' })

export const expiry = () => duration({ min: '1s', max: '3650d' }).optional()

export const byteOrder = () => choice(byteOrders)

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
  address: whole(0, 65_535, 'addresses count from 0, as on the wire')
    .optional()
    .meta({ description: 'Address counting from 0, as on the wire; 0x00F0 is allowed.' }),
  type: choice(pointTypes).optional().meta({
    description:
      'How to read it. Registers need one; coils and discrete inputs are bool; text devices have number (default) and string.',
  }),
  bit: whole(0, 15, 'a register has 16 bits')
    .optional()
    .meta({ description: 'Which bit of the register (type bit); 0 is the least significant.' }),
  length: whole(1, registersMax, 'one request reads no more')
    .optional()
    .meta({ description: 'Registers that a string takes, two characters each.' }),
  byte_order: byteOrder().optional().meta({
    description: 'Order of the bytes, ABCD is big-endian. Default: that of the device for 32 and 64 bits, else ABCD.',
  }),
  scale: real().prefault(1).meta({ description: 'value = raw * scale + offset.' }),
  offset: real().prefault(0).meta({ description: 'Added after scaling.' }),
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
  interval: interval().optional().meta({ description: 'How often it is read. Default: that of the device.' }),
  expires_after: expiry().meta({
    description: 'A reading older than this is not sent any more, but counted as dropped. Default: that of the device.',
  }),
})

export type Point = z.output<typeof point>
