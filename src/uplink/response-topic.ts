import type { UplinkSettings } from '../uplink-settings.ts'
import type { Delivery } from './transport.ts'

/** What is behind this in a filter are the topics: shared subscriptions (MQTT 5.0 section 4.8.2), queues of EMQX. */
const FILTER_PREFIX = /^(\$share\/[^/]*|\$queue|\$q)\//

interface Taken {
  readonly delivery: Pick<Delivery, 'topic'>
  /** Filters of the commands, ours and those of other gateways: an answer there would be taken for a command. */
  readonly commands: readonly string[]
  /** Filters of what the gateway publishes: an answer there would be taken for a reading, or for what a device does. */
  readonly own: readonly string[]
}

/** The filters of all that the gateway publishes on this uplink. */
export function publishedBy({ topics, surface, commands }: UplinkSettings): readonly string[] {
  const { state, info, health, devices, availability } = surface
  const all = [...Object.values(topics), state, info, health?.topic, devices, availability, commands?.canary?.topic]
  return all.flatMap((topic) => topic?.replaceAll(/[^/]*\{\w+\}[^/]*/g, '+') ?? [])
}

/** Why nothing may be published on the response topic of a command; undefined: it may. */
export function unusableBecause(topic: string, { delivery, commands, own }: Taken): string | undefined {
  if (topic === '') return 'it is empty'
  if (/[+#]/.test(topic)) return 'it has wildcards'
  if (topic.includes('\0')) return 'it has a NUL'
  if (topic.startsWith('$')) return "it begins with $, which is the broker's own"
  const brings = (filter: string) => matches(topic, filter.replace(FILTER_PREFIX, ''))
  if (topic === delivery.topic || commands.some(brings)) return 'commands come on it'
  return own.some((filter) => matches(topic, filter)) ? 'the gateway itself publishes on it' : undefined
}

/** Does the filter cover the topic (MQTT 5.0 section 4.7)? */
function matches(topic: string, filter: string): boolean {
  const levels = topic.split('/')
  const wanted = filter.split('/')
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false
  }
  return wanted.length === levels.length
}
