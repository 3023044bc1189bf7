import { z } from 'zod'
import type { ValueShape } from '../../simulation.ts'
import { choice, duration, flag, joined, parsed, real, text, whole } from '../field.ts'
import { linePattern, numericLine, parseLine } from '../line.ts'
import { shown } from '../shown.ts'
import { parsePercent, percentPattern } from '../span.ts'
import { wording } from '../wording.ts'
import { device } from './device.ts'
import { point } from './point.ts'

/** Version of the language of simulation files. */
const simulationVersion = 1

/** More faults than this are a program. */
const faultsMax = 64
const identityMax = 200
const seedMax = 4_294_967_295

/** Functions a simulated unit can have (MODBUS Application Protocol V1.1b3, section 6). */
const unitFunctions = [1, 2, 3, 4, 5, 6, 15, 16, 17, 22, 23, 43] as const

const line = () => parsed(parseLine, { pattern: linePattern, numeric: (value) => joined(numericLine(value)) })

const listening = {
  host: text({ max: 255 }).prefault('127.0.0.1').meta({
    description: 'Address to serve on; 0.0.0.0 is the whole network.',
  }),
  port: whole(0, 65_535).meta({ description: 'TCP port; 0 takes any free one, which is printed.' }),
  line: line().optional().meta({
    description:
      'The serial line behind the server: every exchange takes its time on it, one after the other. Default: replies come at once.',
  }),
}

const serial = {
  port: text({ max: 256 }).meta({ description: 'Path of the serial port, or of one end of a pair made by socat.' }),
  line: line().meta({ description: 'Baud rate, data bits, parity and stop bits as one text: 9600 8N1.' }),
  simulate_line: flag().prefault(false).meta({
    description:
      'true: bytes take the time they have at this baud rate, and whoever speaks at the same time damages both. For pairs made by socat, which move bytes at once.',
  }),
}

const connection = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('modbus-tcp'),
    ...listening,
    unknown_unit: choice(['silent', 'exception_10', 'exception_11']).prefault('silent').meta({
      description: 'What is answered for a unit that is not there: nothing, or an exception as some converters do.',
    }),
  }),
  z.strictObject({ type: z.literal('modbus-rtu-over-tcp'), ...listening }),
  z.strictObject({ type: z.literal('modbus-rtu'), ...serial }),
  z.strictObject({ type: z.literal('modbus-ascii'), ...serial }),
])

const timing = {
  from: duration().prefault('0s').meta({ description: 'Played from this time after the start on.' }),
  until: duration().optional().meta({ description: 'Played until this time after the start. Default: for ever.' }),
  every: duration({ min: '10ms' }).optional().meta({
    description: 'Again and again: for one request each time, or as long as `for` says.',
  }),
  for: duration({ min: '1ms' }).optional().meta({ description: 'With every: how long each time.' }),
  times: whole(1, 1_000_000_000).optional().meta({ description: 'Played for so many requests in all.' }),
  share: parsed(parsePercent, { pattern: percentPattern, numeric: (value) => `expected a share\nwrite ${value}%` })
    .optional()
    .meta({
      description: 'Played by chance for this share of the requests: 10%.',
    }),
  seed: whole(0, seedMax).optional().meta({
    description: 'With share: another seed chooses other requests. Default: one of its own for each unit and fault.',
  }),
}

const plain = <const Kind extends string>(kind: Kind) => z.strictObject({ kind: z.literal(kind), ...timing })
const delayed = (kind: 'slow' | 'late') =>
  z.strictObject({ kind: z.literal(kind), delay: duration({ min: '1ms', max: '10m' }), ...timing })

const fault = z.discriminatedUnion('kind', [
  plain('dead'),
  delayed('slow'),
  delayed('late'),
  z.strictObject({ kind: z.literal('exception'), code: whole(1, 11, 'no other exception is defined'), ...timing }),
  z.strictObject({ kind: z.literal('foreign'), unit_id: whole(1, 247), ...timing }),
  plain('wrong_function'),
  plain('wrong_length'),
  plain('wrong_transaction'),
  z.strictObject({ kind: z.literal('torn'), bytes: whole(1, 512).prefault(3), ...timing }),
  z.strictObject({
    kind: z.literal('noisy'),
    where: choice(['before', 'behind', 'both']).prefault('before'),
    ...timing,
  }),
  plain('crc'),
  plain('doubled'),
  plain('glued'),
  plain('echo'),
])

export type FaultEntry = z.output<typeof fault>

const period = () => duration({ min: '100ms', max: '30d' }).prefault('1m')

const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('wave'), middle: real(), swing: real(), period: period() }),
  z.strictObject({ kind: z.literal('ramp'), from: real(), to: real(), period: period() }),
  z.strictObject({ kind: z.literal('counter'), start: real().prefault(0), per_second: real() }),
  z.strictObject({
    kind: z.literal('random'),
    min: real(),
    max: real(),
    step: real(),
    every: duration({ min: '10ms', max: '1d' }).prefault('1s'),
    seed: whole(0, seedMax).prefault(1),
  }),
  z.strictObject({ kind: z.literal('toggle'), every: duration({ min: '10ms', max: '1d' }).prefault('10s') }),
])

/** A plain value, or a block that says how it changes. The issues of a block are told one by one. */
const value = z.unknown().transform((input, context): ValueShape => {
  if (typeof input !== 'object' || input === null) return scalar(input, context)
  const read = shape.safeParse(input, { error: wording })
  if (read.success) return shapeOf(read.data)
  for (const issue of read.error.issues) context.issues.push({ ...issue, input: undefined })
  return z.NEVER
})

/** What only a simulated device has. */
const own = {
  identity: z
    .strictObject({
      vendor: text({ max: identityMax }),
      product: text({ max: identityMax }),
      revision: text({ max: identityMax }),
      vendor_url: text({ max: identityMax }),
      product_name: text({ max: identityMax }),
      model_name: text({ max: identityMax }),
      application: text({ max: identityMax }),
    })
    .partial()
    .prefault({}),
  delay: duration({ max: '1m' }).prefault('0s'),
  functions: z.array(z.literal([...unitFunctions])).optional(),
  holes: choice(['refuse', 'zero']).prefault('refuse'),
  faults: z.array(fault).max(faultsMax, `has more than ${faultsMax} entries`).prefault([]),
}

export const ownDeviceKeys: readonly string[] = Object.keys(own)

export const simulation = z.strictObject({
  version: z.literal(simulationVersion, {
    error: (issue) =>
      `expected ${simulationVersion}, got ${shown(issue.input)}\nthis program reads version ${simulationVersion} only`,
  }),
  connections: z.record(z.string(), connection),
  devices: z.record(
    z.string(),
    z.strictObject({
      ...device.shape,
      points: z.record(z.string(), z.strictObject({ ...point.shape, value: value.optional() })).optional(),
      ...own,
    }),
  ),
})

export type SimulationFile = z.output<typeof simulation>

function scalar(input: unknown, context: z.core.$RefinementCtx<unknown>): ValueShape {
  if (input !== null && input !== undefined && typeof input !== 'object') {
    if (typeof input === 'string' || typeof input === 'boolean' || typeof input === 'bigint') return fixed(input)
    if (typeof input === 'number' && Number.isFinite(input)) return fixed(input)
  }
  const message = 'expected a value, or how it changes'
  context.issues.push({ code: 'custom', message: `${message}\nsuch as { kind: wave, middle: 230, swing: 3 }`, input })
  return z.NEVER
}

function fixed(value: string | boolean | bigint | number): ValueShape {
  return { kind: 'fixed', value }
}

function shapeOf(read: z.output<typeof shape>): ValueShape {
  switch (read.kind) {
    case 'wave':
      return { kind: 'wave', middle: read.middle, swing: read.swing, periodMs: read.period }
    case 'ramp':
      return { kind: 'ramp', from: read.from, to: read.to, periodMs: read.period }
    case 'counter':
      return { kind: 'counter', start: read.start, perSecond: read.per_second }
    case 'random':
      return { kind: 'random', min: read.min, max: read.max, step: read.step, everyMs: read.every, seed: read.seed }
    case 'toggle':
      return { kind: 'toggle', everyMs: read.every }
  }
}
