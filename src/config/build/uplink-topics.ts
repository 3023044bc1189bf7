import type { MqttSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import { defaultTopics, type Uplink } from '../schema/uplink.ts'
import { checkTopic, fillGateway } from '../topics.ts'
import type { Context } from './context.ts'
import { isPerPoint } from './format.ts'

/** The topics of an uplink, {gateway} filled in. */
export function buildTopics(context: Context, path: Path, uplink: Uplink): MqttSettings['topics'] {
  return {
    data: dataTopic(context, [...path, 'topic'], uplink),
    event: buildTopic(context, [...path, 'event_topic'], { template: uplink.event_topic, placeholders: ['gateway'] }),
    result: buildTopic(context, [...path, 'result_topic'], {
      template: uplink.result_topic,
      placeholders: ['gateway', 'key'],
    }),
  }
}

/** {gateway} filled in; what is wrong with it is told. */
export function buildTopic(
  context: Context,
  path: Path,
  options: { readonly template: string; readonly placeholders: readonly string[] },
): string {
  for (const { problem, hint } of checkTopic(options.template, options.placeholders))
    context.error(path, problem, { hint })
  return fillGateway(options.template, context.gatewayId)
}

function dataTopic(context: Context, path: Path, uplink: Uplink): string {
  const perPoint = isPerPoint(uplink)
  const template = uplink.topic ?? (perPoint ? defaultTopics.point : defaultTopics.data)
  const hasPoint = template.includes('{point}')
  if (perPoint && !hasPoint) {
    context.error(path, 'the format makes a message for each point, so the topic needs {point}', {
      hint: `write ${template}/{point}`,
    })
  }
  if (!perPoint && hasPoint) {
    context.error(path, '{point} needs a format with a message for each point', { hint: 'add format: json-flat' })
  }
  // {point} where it has no meaning is told above, in better words.
  const placeholders = perPoint || hasPoint ? ['gateway', 'device', 'point'] : ['gateway', 'device']
  return buildTopic(context, path, { template, placeholders })
}
