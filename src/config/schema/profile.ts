import { z } from 'zod'
import { flag, joined, parsed, real, text } from '../field.ts'
import { linePattern, numericLine, parseLine } from '../line.ts'
import { shown } from '../shown.ts'
import { device, pace } from './device.ts'
import { point } from './point.ts'

/** Version of the profiles' language. */
const profileVersion = 1

/** More line settings than this are no factory setting. */
const linesMax = 16

/** One rule is enough to know a device by. */
const identifyRulesMax = 8

const titleLengthMax = 500

const profilePoint = point.extend({ essential: flag().prefault(false) })

const identifyRule = z.strictObject({
  ...point.pick({ ref: true, register: true, address: true, type: true, length: true, byte_order: true }).shape,
  equals: z
    .array(z.union([z.int(), z.bigint(), real(), text({ max: 128 })], { error: 'expected a number or a text' }))
    .min(1, 'is empty'),
})

/** A kind of device: `profiles/VENDOR/MODEL.yaml`. Points are written as in the configuration. */
export const profile = z.strictObject({
  profile: z.literal(profileVersion, {
    error: (issue) =>
      `expected ${profileVersion}, got ${shown(issue.input)}\nthis program reads version ${profileVersion} only`,
  }),
  title: text({ max: titleLengthMax }),
  source: text({ max: titleLengthMax }),
  lines: z
    .array(parsed(parseLine, { pattern: linePattern, numeric: (value) => joined(numericLine(value)) }))
    .max(linesMax, `has more than ${linesMax} entries`)
    .prefault([]),
  unit_id: device.shape.unit_id,
  device: z.strictObject(pace).prefault({}),
  identify: z.array(identifyRule).max(identifyRulesMax, `has more than ${identifyRulesMax} entries`).prefault([]),
  points: z.record(z.string(), profilePoint),
})

export type ProfileFile = z.output<typeof profile>
