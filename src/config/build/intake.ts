import type { CommandIntakeSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { checkFilter, fillGateway, matchesFilter, queueOf } from '../topics.ts'
import { formatDuration } from '../units.ts'
import type { Context } from './context.ts'
import { buildTopic } from './uplink-topics.ts'

type Intake = NonNullable<Uplink['commands']>

const plain = { subscribe: 'tidegate/{gateway}/command/+', key: { from: 'topic', level: -1 } } as const
const key = { from: 'user-property', name: 'key' } as const

/** EMQX 6.0 and 6.1.0 find a queue by its topic filter, 6.1.1 and later by its name. */
const presets = {
  'emqx-6.0': { subscribe: `$q/${plain.subscribe}`, key },
  'emqx-6.1.1': { subscribe: '$queue/cmd-{gateway}', key },
} as const

/** What EMQX takes for the name of a queue. */
const queueName = /^[0-9A-Za-z][-.0-9A-Za-z_]*$/

/** Where commands come from; undefined when the uplink takes none. */
export function buildIntake(context: Context, uplinkPath: Path, uplink: Uplink): CommandIntakeSettings | undefined {
  const intake = uplink.commands
  if (intake === undefined) return undefined
  const path = [...uplinkPath, 'commands']
  const base = intake.preset === undefined ? plain : presets[intake.preset]
  const template = intake.subscribe ?? base.subscribe
  for (const { problem, hint } of checkFilter(template)) context.error([...path, 'subscribe'], problem, { hint })
  const built = {
    subscribe: fillGateway(template, context.gatewayId),
    ...(template.includes('{gateway}') ? { everyGateway: everyGatewayOf(template) } : {}),
    key: intake.key ?? base.key,
    receiveMaximum: intake.receive_maximum,
  }
  if (context.names(['commands']).length === 0) {
    context.warning(path, 'this uplink takes commands, but there are none', {
      at: 'key',
      hint: 'name them under commands',
    })
  }
  checkProtocol(context, path, { uplink, intake, key: built.key })
  checkQueue(context, path, { intake, built })
  const canary = intake.canary && buildCanary(context, [...path, 'canary'], { canary: intake.canary, built })
  return canary === undefined ? built : { ...built, canary }
}

/** What a queue with a name gets is known to the broker only; it is what the others subscribe to, as a rule. */
function everyGatewayOf(template: string): string {
  const levels = template.split('/')
  const filter = levels[0] === '$queue' && levels.length === 2 ? plain.subscribe : template
  return filter.replaceAll(/[^/]*\{gateway\}[^/]*/g, '+')
}

function checkProtocol(
  context: Context,
  path: Path,
  options: { readonly uplink: Uplink; readonly intake: Intake; readonly key: CommandIntakeSettings['key'] },
): void {
  const { version, fallback } = options.uplink.protocol
  if (version === 5 && !fallback) return
  const byProperty = options.key.from === 'user-property'
  const place = context.written([...path, 'key']) ? [...path, 'key'] : path
  if (version === 3 && byProperty) {
    const hint = options.intake.preset === undefined ? 'topic:-1 or json:/pointer is possible' : 'write protocol: 5'
    context.error(place, 'MQTT 3.1.1 has no user properties', { hint, at: place === path ? 'key' : 'value' })
  }
  if (fallback && byProperty) {
    const message = 'with a broker that speaks only MQTT 3.1.1 no command has a key: it has no user properties'
    context.warning(place, message, { hint: 'write protocol: 5', at: place === path ? 'key' : 'value' })
  }
  if (options.intake.preset === 'emqx-6.1.1') {
    context.warning([...path, 'preset'], 'EMQX 6.1.1 and later give queues to MQTT 5 only', {
      hint: 'write protocol: 5',
    })
  }
  if (version === 3 && context.written([...path, 'receive_maximum'])) {
    context.warning([...path, 'receive_maximum'], 'MQTT 3.1.1 has no receive maximum', { at: 'key', hint: 'remove it' })
  }
}

function checkQueue(
  context: Context,
  path: Path,
  options: { readonly intake: Intake; readonly built: CommandIntakeSettings },
): void {
  const { intake, built } = options
  const queue = queueOf(built.subscribe)
  const place = context.written([...path, 'subscribe']) ? [...path, 'subscribe'] : [...path, 'preset']
  if (queue === undefined) {
    if (intake.preset === undefined) return
    context.warning(place, `${built.subscribe} is no queue, in spite of preset: ${intake.preset}`, {
      hint: 'remove one',
    })
    return
  }
  if (built.key.from === 'topic') {
    context.warning(place, 'an EMQX queue keeps one command per sender unless it is told the key', {
      hint: 'send the key as user property, and write key: user-property:key',
    })
  }
  if (queue.name !== undefined && !queueName.test(queue.name)) {
    context.error(place, `"${queue.name}" cannot be the name of a queue: letters a to z, digits, dots, _ and -`, {
      hint: 'write subscribe: $queue/NAME with the name it has',
    })
  }
}

function buildCanary(
  context: Context,
  path: Path,
  options: { readonly canary: NonNullable<Intake['canary']>; readonly built: CommandIntakeSettings },
): CommandIntakeSettings['canary'] {
  const { canary, built } = options
  const place = context.written([...path, 'topic']) ? [...path, 'topic'] : path
  const topic = buildTopic(context, place, { template: canary.topic, placeholders: ['gateway'] })
  const queue = queueOf(built.subscribe)
  const filter = queue === undefined ? built.subscribe : queue.filter
  if (filter !== undefined && !matchesFilter(topic, filter)) {
    const message = `${topic} is not one of ${filter}, so no canary ever comes back`
    context.error(place, message, { hint: `write a topic that ${filter} covers`, at: place === path ? 'key' : 'value' })
  }
  const word = built.key.from === 'topic' ? topic.split('/').at(built.key.level) : undefined
  if (word !== undefined && context.names(['commands']).includes(word)) {
    const message = `the canary every ${formatDuration(canary.every)} has the topic of the command ${word}`
    context.error(place, message, { hint: 'write another topic', at: place === path ? 'key' : 'value' })
  }
  return { topic, everyMs: canary.every }
}
