import { z } from 'zod'
import type { StartAt } from '../../uplink-settings.ts'
import { duration, flag, joined, parsed, size, text, whole } from '../field.ts'
import { keySourcePattern, parseKeySource } from '../key-source.ts'
import { shown } from '../shown.ts'
import { parseStartAt, startWords } from '../start-at.ts'

/** MQTT packet identifiers and Receive Maximum are 16-bit numbers (MQTT 5.0, 2.2.1 and 3.1.2.11.3). */
const packetsMax = 65_535
/** Keep Alive is a 16-bit number of seconds (MQTT 5.0, 3.1.2.10). */
const keepaliveMax = '65535s'
/** MQTT strings are at most this long (MQTT 5.0, 1.5.4). */
const topicLengthMax = 65_535
/** Brokers tried in turn; more than a few only lengthen an outage. */
const urlsMax = 16

const defaultTopics = {
  data: 'tidegate/{gateway}/{device}/data',
  event: 'tidegate/{gateway}/event',
  result: 'tidegate/{gateway}/command/{key}/result',
  subscribe: 'tidegate/{gateway}/command/+',
} as const

const secretForms = 'secret:NAME, env:NAME or file:/path keep it out of the file'
const pemForms = 'a path, or secret:NAME, env:NAME, file:/path'

const tls = z
  .strictObject({
    ca: text()
      .optional()
      .meta({ description: `Certificates to trust, PEM: ${pemForms}. Default: those of the system.` }),
    cert: text()
      .optional()
      .meta({ description: `Certificate of this gateway, PEM: ${pemForms}. Needs key.` }),
    key: text()
      .optional()
      .meta({ description: `Private key of this gateway, PEM: ${pemForms}. Needs cert.` }),
    server_name: text({ max: 255 }).optional().meta({
      description: 'Name expected in the certificate of the broker. Default: the host of the url.',
    }),
    insecure: flag().prefault(false).meta({ description: 'Accept any certificate. Only for tests.' }),
  })
  .prefault({})
  .meta({ description: 'Encryption of mqtts urls.' })

const batch = z
  .strictObject({
    max_records: whole(1, 10_000).prefault(100).meta({ description: 'Records in one message.' }),
    max_bytes: size({ min: '1KiB', max: '64MiB' }).prefault('128KiB').meta({ description: 'Bytes of one payload.' }),
    max_wait: duration({ max: '1h' })
      .prefault('200ms')
      .meta({ description: 'How long the first record of a message waits for others.' }),
  })
  .optional()
  .meta({ description: 'Send several records in one message, as a JSON array. Default: one record a message.' })

const backoff = z
  .strictObject({
    min: duration({ min: '10ms', max: '1h' }).prefault('1s').meta({ description: 'Limit of the first pause.' }),
    max: duration({ min: '100ms', max: '1d' }).prefault('30s').meta({ description: 'Limit of every pause.' }),
  })
  .prefault({})
  .meta({ description: 'Pauses between tries to connect, doubled each time and drawn at random.' })

const commands = z
  .strictObject({
    subscribe: text({ max: topicLengthMax })
      .prefault(defaultTopics.subscribe)
      .meta({ description: `Topic filter the commands come from.` }),
    key: parsed(parseKeySource, { pattern: keySourcePattern }).prefault('topic:-1').meta({
      description:
        'Where the name of the command is found: topic:-1 (level of the topic, -1 is the last), user-property:NAME or json:/pointer.',
    }),
    receive_maximum: whole(1, packetsMax)
      .prefault(20)
      .meta({ description: 'Commands the broker may have on the way to us at a time (MQTT 5).' }),
  })
  .optional()
  .meta({ description: 'Take commands from this uplink; {} takes all defaults. Default: none are taken.' })

const mqtt = z
  .strictObject({
    type: z.literal('mqtt').meta({ description: 'An MQTT broker.' }),
    url: z
      .union([text(), z.array(text()).min(1, 'is an empty list').max(urlsMax, `has more than ${urlsMax} entries`)], {
        error: 'expected a url such as mqtts://broker.example:8883, or a list of them',
      })
      .meta({ description: 'Broker as mqtt://host:1883 or mqtts://host:8883, or a list tried in turn.' }),
    protocol: z
      .union([z.literal(5), z.literal('5'), z.literal('3.1.1')], { error: wrongProtocol })
      .prefault(5)
      .meta({ description: 'MQTT version, 5 or 3.1.1.' }),
    client_id: text({ max: 256 })
      .optional()
      .meta({ description: 'MQTT client id; {gateway} is replaced. Default: the gateway id.' }),
    username: text()
      .optional()
      .meta({ description: 'User name. Default: the gateway id when there is a password, else none.' }),
    password: text()
      .optional()
      .meta({ description: `Password; ${secretForms}. Default: none.` }),
    keepalive: duration({ min: '1s', max: keepaliveMax })
      .prefault('60s')
      .meta({ description: 'A silent link is probed after this long. Whole seconds.' }),
    session_expiry: duration({ max: '3650d' })
      .prefault('1d')
      .meta({ description: 'How long the broker keeps commands for an absent gateway. Whole seconds.' }),
    connect_timeout: duration({ min: '1s', max: '10m' })
      .prefault('30s')
      .meta({ description: 'How long one try to connect may take.' }),
    tls,
    topic: text({ max: topicLengthMax })
      .prefault(defaultTopics.data)
      .meta({ description: `Topic of readings; {gateway} and {device} are replaced.` }),
    event_topic: text({ max: topicLengthMax })
      .prefault(defaultTopics.event)
      .meta({ description: `Topic of events; {gateway} is replaced.` }),
    result_topic: text({ max: topicLengthMax })
      .prefault(defaultTopics.result)
      .meta({ description: `Topic of command results; {gateway} and {key} are replaced.` }),
    window: whole(1, packetsMax)
      .prefault(1000)
      .meta({ description: 'Messages in flight without acknowledgement; the broker may allow fewer.' }),
    ack_timeout: duration({ min: '1s', max: '1h' })
      .prefault('30s')
      .meta({ description: 'Without any acknowledgement for this long the session is opened anew.' }),
    start_at: z
      .union([z.enum(startWords), z.string(), z.int()], { error: 'expected head, tail, a time or a record number' })
      .transform(startAt)
      .prefault('head')
      .meta({
        description:
          'Where a new uplink begins: head, the oldest record there is; tail, only new ones; a time such as 2026-11-20T06:00:00Z; or the number of a record.',
      }),
    formerly: text({ max: 64 }).optional().meta({
      description: 'The name this uplink had before; it goes on where that one stood. Default: none.',
    }),
    batch,
    backoff,
    commands,
  })
  .meta({ title: 'mqtt' })

export const uplink = z.discriminatedUnion('type', [mqtt])

export type Uplink = z.output<typeof uplink>

function wrongProtocol(issue: { input?: unknown }): string {
  const given = shown(issue.input)
  const hint = /^"?3/.test(given) ? '\nwrite 3.1.1' : ''
  return `expected 5 or 3.1.1, got ${given}${hint}`
}

function startAt(given: string | number, context: z.core.$RefinementCtx<string | number>): StartAt {
  const read = parseStartAt(given)
  if ('value' in read) return read.value.startAt
  context.addIssue({ code: 'custom', message: joined(read) })
  return z.NEVER
}
