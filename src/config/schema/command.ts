import { z } from 'zod'
import { choice, duration, flag, parsed, real, text, whole } from '../field.ts'
import { bareCommandRate, commandRatePattern, parseCommandRate } from '../rate.ts'
import { patternLengthMax, requestLengthMax } from './device.ts'

/** More points than this are a recipe; the device should keep it and be told its number. */
const groupPointsMax = 64
/** More arguments than this belong into a file that the program reads. */
const argumentsMax = 64
/** A longer argument too. */
const argumentLengthMax = 1000

/** More values than this are a pattern. */
const choicesMax = 256

const points = () => text({ max: 200 })

const write = z
  .union(
    [
      points(),
      z
        .array(points())
        .min(1, 'is an empty list')
        .max(groupPointsMax, `has more than ${groupPointsMax} entries`)
        .refine((list) => list.length !== 1, 'a list of one point\nwrite it without brackets'),
      z
        .record(z.string(), points())
        .refine((given) => Object.keys(given).length > 0, 'is empty')
        .refine((given) => Object.keys(given).length <= groupPointsMax, `has more than ${groupPointsMax} entries`),
    ],
    { error: 'expected device.point, a list of them, or a block of names with one each' },
  )
  .optional()
  .meta({
    description:
      'Write a point, as device.point; it needs access rw or wo. Or several points of one device in the order given, as a list or as names: {temp: boiler.setpoint, run: boiler.pump}; the value is an object with some or all of the names (in a list, those of the points). A command has one of write, send, gateway and exec.',
  })

const send = z
  .strictObject({
    device: text({ max: 64 }).meta({ description: 'A device on a serial-text connection.' }),
    text: text({ max: requestLengthMax }).meta({
      description: 'What is sent, in double quotes and with its line end; {value} is replaced.',
    }),
  })
  .optional()
  .meta({ description: 'Send a text to a device that speaks text; its answer is not waited for.' })

const exec = z
  .strictObject({
    program: text().meta({ description: 'The program, by its whole path.' }),
    args: z
      .array(
        z.string().max(argumentLengthMax, {
          error: ({ input }) => `has ${String(input).length} characters, at most ${argumentLengthMax} are allowed`,
        }),
      )
      .max(argumentsMax, `has more than ${argumentsMax} entries`)
      .prefault([])
      .meta({
        description:
          'Its arguments; {value} in them is replaced. There is no shell: nothing is split or expanded. Default: none.',
      }),
    timeout: duration({ min: '100ms', max: '1h' })
      .prefault('10s')
      .meta({ description: 'It is killed, with its process group, when it takes longer.' }),
  })
  .optional()
  .meta({ description: 'Run a program. Status 0 means applied, another one failed.' })

const values = z
  .strictObject({
    one_of: z
      .array(z.union([z.string(), z.number(), z.boolean()], { error: 'expected text, a number, true or false' }))
      .min(1, 'is an empty list')
      .max(choicesMax, `has more than ${choicesMax} entries`)
      .optional()
      .meta({ description: 'These, and no others. Default: not checked.' }),
    min: real().optional().meta({ description: 'A number, and none below this. Default: not checked.' }),
    max: real().optional().meta({ description: 'A number, and none above this. Default: not checked.' }),
    pattern: text({ max: patternLengthMax }).optional().meta({
      description: 'Regular expression for the whole text, as [A-Z]{1,8}. Default: not checked.',
    }),
  })
  .optional()
  .meta({ description: 'Which values are taken, with send and exec; needed where {value} is used. Default: none.' })

export const command = z.strictObject({
  write,
  send,
  gateway: choice(['read_now', 'outbox_flush', 'reload', 'restart']).optional().meta({
    description:
      'What the gateway does itself. read_now: poll the device that the value names, or all (true). outbox_flush: commit what is in memory. reload: read the configuration again. restart: end, so that systemd starts it again.',
  }),
  exec,
  values,
  mode: choice(['last_value', 'queue']).optional().meta({
    description:
      'last_value: the newest counts, older ones that still wait are superseded. queue: all are applied in order, and each needs an id. Default: inbox.default_mode, with gateway last_value.',
  }),
  expires_after: duration({ min: '1s', max: '365d' }).prefault('1h').meta({
    description: 'A command older than this is never applied, unless its sender set another time.',
  }),
  verify: choice(['none', 'read_back'])
    .prefault('none')
    .meta({ description: 'With write. read_back: read the point after writing and compare.' }),
  repeatable: flag().optional().meta({
    description:
      'May be done again after a lost reply or a crash; not with exec. Default: true with mode: last_value, false with mode: queue and gateway.',
  }),
  accept_retained: flag().prefault(false).meta({
    description: 'Accept a retained message, which returns with every connect; it needs a version or issued_at.',
  }),
  rate: parsed(parseCommandRate, { pattern: commandRatePattern, numeric: bareCommandRate }).optional().meta({
    description:
      'Attempts at most, as 10/1m or 1/s; the newest value waits. With mode: queue more commands are refused. Default: no limit.',
  }),
  waiting: whole(1, 10_000).prefault(1000).meta({
    description: 'Commands that may wait at a time with mode: queue; more are refused.',
  }),
})

export type Command = z.output<typeof command>
