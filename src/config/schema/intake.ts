import { z } from 'zod'
import { choice, duration, parsed, text, whole } from '../field.ts'
import { keySourcePattern, parseKeySource } from '../key-source.ts'

/** MQTT packet identifiers and Receive Maximum are 16-bit numbers (MQTT 5.0, 2.2.1 and 3.1.2.11.3). */
export const packetsMax = 65_535
/** MQTT strings are at most this long (MQTT 5.0, 1.5.4). */
export const topicLengthMax = 65_535

const presets = ['emqx-6.0', 'emqx-6.1.1'] as const

const canary = z
  .strictObject({
    topic: text({ max: topicLengthMax })
      .prefault('tidegate/{gateway}/command/canary')
      .meta({ description: 'Topic of these messages; the queue, or the subscription, must cover it.' }),
    every: duration({ min: '10s', max: '1d' }).prefault('5m').meta({ description: 'How often one is sent.' }),
  })
  .optional()
  .meta({
    description:
      'Send a message to ourselves through the queue of commands and tell when it does not come back; {} takes all defaults. Default: none is sent.',
  })

export const commands = z
  .strictObject({
    preset: choice(presets).optional().meta({
      description:
        'Message queues of EMQX: emqx-6.0 for 6.0 and 6.1.0, emqx-6.1.1 for 6.1.1 and later. It sets subscribe and key. Default: no queue.',
    }),
    subscribe: text({ max: topicLengthMax }).optional().meta({
      description: `Topic filter the commands come from; {gateway} is replaced. Default: tidegate/{gateway}/command/+, or by the preset.`,
    }),
    key: parsed(parseKeySource, { pattern: keySourcePattern }).optional().meta({
      description:
        'Where the name of the command is found: topic:-1 (level of the topic, -1 is the last), user-property:NAME or json:/pointer. Default: topic:-1, or by the preset.',
    }),
    receive_maximum: whole(1, packetsMax)
      .prefault(20)
      .meta({ description: 'Commands the broker may have on the way to us at a time (MQTT 5).' }),
    canary,
  })
  .optional()
  .meta({ description: 'Take commands from this uplink; {} takes all defaults. Default: none are taken.' })
