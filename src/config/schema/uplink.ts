import { z } from 'zod'
import type { StartAt } from '../../uplink-settings.ts'
import { duration, joined, size, text, whole } from '../field.ts'
import { shown } from '../shown.ts'
import { parseStartAt, startWords } from '../start-at.ts'
import { commands, packetsMax, topicLengthMax } from './intake.ts'
import { proxy, secretForms, tls } from './security.ts'
import { backoff, batch, delivery, exclude, format, include, order, pace, properties, thinTo } from './sending.ts'
import { surface } from './surface.ts'

/** Keep Alive is a 16-bit number of seconds (MQTT 5.0, 3.1.2.10). */
const keepaliveMax = '65535s'
/** Brokers tried in turn; more than a few only lengthen an outage. */
const urlsMax = 16

export const defaultTopics = {
  data: 'tidegate/{gateway}/{device}/data',
  /** Of formats with a message for each point. */
  point: 'tidegate/{gateway}/{device}/{point}',
} as const

const protocolVersion = z.union([z.literal(5), z.literal('5'), z.literal('3.1.1')], { error: wrongProtocol })

const mqtt = z
  .strictObject({
    type: z.literal('mqtt').meta({ description: 'An MQTT broker.' }),
    url: z
      .union([text(), z.array(text()).min(1, 'is an empty list').max(urlsMax, `has more than ${urlsMax} entries`)], {
        error: ({ input }) =>
          `expected a url such as mqtts://broker.example:8883, or a list of them, got ${shown(input)}`,
      })
      .meta({
        description:
          'Broker as mqtt://host:1883, mqtts://host:8883, ws://host:80/mqtt or wss://host:443/mqtt, or a list tried in turn.',
      }),
    protocol: z
      .union([protocolVersion, z.array(protocolVersion).min(1, 'is an empty list')], { error: wrongProtocol })
      .transform(protocols)
      .prefault(5)
      .meta({
        description: 'MQTT version, 5 or 3.1.1; [5, 3.1.1] speaks 3.1.1 with a broker that does not know 5.',
      }),
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
    proxy,
    include,
    exclude,
    thin_to: thinTo,
    order,
    delivery,
    pace,
    format,
    topic: text({ max: topicLengthMax })
      .optional()
      .meta({
        description: `Topic of readings; {gateway}, {device} and, with a message for each point, {point} are replaced. Default: ${defaultTopics.data}, with a message for each point ${defaultTopics.point}.`,
      }),
    event_topic: text({ max: topicLengthMax })
      .prefault('tidegate/{gateway}/event')
      .meta({ description: `Topic of events; {gateway} is replaced.` }),
    result_topic: text({ max: topicLengthMax })
      .prefault('tidegate/{gateway}/command/{key}/result')
      .meta({ description: `Topic of command results; {gateway} and {key} are replaced.` }),
    window: whole(1, packetsMax)
      .prefault(1000)
      .meta({ description: 'Messages in flight without acknowledgement; the broker may allow fewer.' }),
    max_packet: size({ min: '256', max: '256MiB' }).optional().meta({
      description:
        'Largest MQTT packet the broker takes, for MQTT 3.1.1, in which it cannot say so; a record that is larger is rejected. Default: what the broker announces.',
    }),
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
    ...properties,
    surface,
    backoff,
    commands,
  })
  .meta({ title: 'mqtt' })

export const uplink = z.discriminatedUnion('type', [mqtt])

export type Uplink = z.output<typeof uplink>

interface Protocol {
  readonly version: 5 | 3
  /** 3.1.1 is spoken where 5 is not known. */
  readonly fallback: boolean
}

function protocols(
  given: z.output<typeof protocolVersion> | readonly z.output<typeof protocolVersion>[],
  context: z.core.$RefinementCtx<unknown>,
): Protocol {
  const [first, second, ...rest] = (Array.isArray(given) ? given : [given]).map((one) => (one === '3.1.1' ? 3 : 5))
  if (first === undefined || rest.length > 0 || second === first || second === 5) {
    context.addIssue({ code: 'custom', message: 'the newer one is tried first, and each once\nwrite [5, 3.1.1]' })
    return z.NEVER
  }
  return { version: first, fallback: second === 3 }
}

function wrongProtocol({ input }: { input?: unknown }): string {
  const given = shown(input)
  const hint = /^"?3/.test(given) ? '\nwrite 3.1.1' : ''
  return `expected 5, 3.1.1 or [5, 3.1.1], got ${given}${hint}`
}

function startAt(given: string | number, context: z.core.$RefinementCtx<string | number>): StartAt {
  const read = parseStartAt(given)
  if ('value' in read) return read.value.startAt
  context.addIssue({ code: 'custom', message: joined(read) })
  return z.NEVER
}
