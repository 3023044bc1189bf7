import type { MqttSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { checkTopic, fillGateway } from '../topics.ts'
import type { Context } from './context.ts'

/** The topics of an uplink, {gateway} filled in. */
export function buildTopics(context: Context, path: Path, uplink: Uplink): MqttSettings['topics'] {
  return {
    data: topic(context, [...path, 'topic'], { template: uplink.topic, placeholders: ['gateway', 'device'] }),
    event: topic(context, [...path, 'event_topic'], { template: uplink.event_topic, placeholders: ['gateway'] }),
    result: topic(context, [...path, 'result_topic'], {
      template: uplink.result_topic,
      placeholders: ['gateway', 'key'],
    }),
  }
}

function topic(context: Context, path: Path, options: { template: string; placeholders: readonly string[] }): string {
  for (const { problem, hint } of checkTopic(options.template, options.placeholders))
    context.error(path, problem, { hint })
  return fillGateway(options.template, context.gatewayId)
}
