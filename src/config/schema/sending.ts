import { z } from 'zod'
import { choice, duration, flag, joined, meant, parsed, size, text, whole } from '../field.ts'
import { isLaterValue } from '../later.ts'
import {
  bareByteRate,
  byteRatePattern,
  messageRatePattern,
  messagesPerSecond,
  parseByteRate,
  parseMessageRate,
} from '../rate.ts'
import { shown } from '../shown.ts'
import { anyOf } from '../suggest.ts'

/** More globs than this are a list of devices that nobody keeps up to date. */
const globsMax = 64
/** More properties than this belong into the record. */
const userPropertiesMax = 32

const formats = ['json', 'json-flat'] as const

/** What is sent: of which devices, how often, how fast, in which form. Every kind of uplink has these. */

const globs = () =>
  z.union(
    [
      text({ max: 64 }),
      z
        .array(text({ max: 64 }))
        .min(1, 'is an empty list')
        .max(globsMax, `has more than ${globsMax} entries`),
    ],
    {
      error: ({ input }) =>
        `expected the name of a device, or a list of names, got ${shown(input)}; * and ? stand for any characters`,
    },
  )

export const include = globs().optional().meta({
  description: 'Devices whose readings it gets, as names or with * and ?: [meter-*, boiler]. Default: all.',
})

export const exclude = globs()
  .optional()
  .meta({ description: 'Devices whose readings it does not get, as for include. Default: none.' })

export const thinTo = duration({ min: '1s', max: '1d' }).optional().meta({
  description:
    "Of each device's readings, in every period of this length, only the first with each point is sent. Default: every reading is.",
})

export const order = choice(['oldest_first', 'live_first']).prefault('oldest_first').meta({
  description:
    'After an outage. oldest_first: everything in the order in which it was made. live_first: new readings at once, what waited beside them.',
})

export const delivery = choice(['at_least_once', 'at_most_once']).prefault('at_least_once').meta({
  description:
    'at_least_once: what was not acknowledged is sent again. at_most_once: nothing is ever sent twice, and what was on its way when the link broke is lost.',
})

const messageRate = z.number().transform((given, context) => {
  const read = messagesPerSecond(given)
  if ('value' in read) return read.value
  context.addIssue({ code: 'custom', message: joined(read) })
  return z.NEVER
})

export const pace = z
  .strictObject({
    messages: z
      .union([messageRate, parsed(parseMessageRate, { pattern: messageRatePattern })], {
        error: ({ input }) => `expected a rate such as 20/s or 100/min, got ${shown(input)}`,
      })
      .optional()
      .meta({ description: 'Messages, as 20/s, 100/min or a number per second. Default: no limit.' }),
    bytes: parsed(parseByteRate, { pattern: byteRatePattern, numeric: bareByteRate })
      .optional()
      .meta({ description: 'Bytes of topics and payloads, as 64KiB/s or 10MB/min. Default: no limit.' }),
  })
  .optional()
  .meta({ description: 'How fast records are sent at most. Default: as fast as it goes.' })

export const format = z
  .union(
    [
      choice(formats),
      z.strictObject({
        template: text().meta({
          description: 'Text with placeholders such as {device}, {values}, {ts}; docs/formats.md lists them.',
        }),
        per: choice(['record', 'point']).prefault('record').meta({
          description: 'record: a message for each reading of a device. point: one for each of its points.',
        }),
        content_type: text({ max: 256 }).prefault('application/json').meta({
          description:
            'What the text is; application/json is checked to be JSON. Sent with content_type: true of the uplink.',
        }),
      }),
    ],
    { error: wrongFormat },
  )
  .prefault('json')
  .meta({
    description:
      'json: an object for each record. json-flat: a message for each point. Or a block with a template of your own; events and results stay json.',
  })

export const batch = z
  .strictObject({
    max_records: whole(1, 10_000).prefault(100).meta({ description: 'Records in one message.' }),
    max_bytes: size({ min: '1KiB', max: '64MiB' }).prefault('128KiB').meta({ description: 'Bytes of one payload.' }),
    max_wait: duration({ max: '1h' })
      .prefault('200ms')
      .meta({ description: 'How long the first record of a message waits for others.' }),
    gzip: flag().prefault(false).meta({
      description:
        'Compress payloads that get smaller by it; they begin with the bytes 1F 8B and have the user property content-encoding: gzip.',
    }),
  })
  .optional()
  .meta({
    description: 'Send several readings of a device in one message, as a JSON array. Default: one record a message.',
  })

export const backoff = z
  .strictObject({
    min: duration({ min: '10ms', max: '1h' }).prefault('1s').meta({ description: 'Limit of the first pause.' }),
    max: duration({ min: '100ms', max: '1d' }).prefault('30s').meta({ description: 'Limit of every pause.' }),
  })
  .prefault({})
  .meta({ description: 'Pauses between tries to connect, doubled each time and drawn at random.' })

/** What accompanies messages in MQTT 5. */
export const properties = {
  content_type: flag().prefault(false).meta({ description: 'Say with each message what its payload is (MQTT 5).' }),
  message_id: flag().prefault(false).meta({
    description: 'Send the id of the record (of a batch: its first) as user property id, too (MQTT 5).',
  }),
  user_properties: z
    .record(z.string(), text({ max: 1024 }))
    .refine((given) => Object.keys(given).length <= userPropertiesMax, `has more than ${userPropertiesMax} entries`)
    .prefault({})
    .meta({ description: 'User properties sent with each message of records (MQTT 5). Default: none.' }),
  message_expiry: duration({ min: '1s', max: '3650d' }).optional().meta({
    description: 'The broker drops a message that nobody took for so long (MQTT 5). Whole seconds. Default: never.',
  }),
  topic_aliases: flag().prefault(true).meta({
    description: 'Send a topic as a number after its first time, where the broker allows it (MQTT 5).',
  }),
}

function wrongFormat({ input }: { input?: unknown }): string {
  const expected = `expected ${anyOf([...formats, 'a block with a template'])}`
  if (typeof input !== 'string') return `${expected}, got ${shown(input)}`
  if (isLaterValue(input)) return `"${input}" is not in this version yet\n${expected}`
  return `${expected}, got ${shown(input)}${meant(input, formats)}`
}
