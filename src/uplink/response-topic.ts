import type { Delivery } from './transport.ts'

/** What is behind this in a filter are the topics: shared subscriptions (MQTT 5.0 section 4.8.2), queues of EMQX. */
const FILTER_PREFIX = /^(\$share\/[^/]*|\$queue|\$q)\//

/**
 * Why nothing may be published on the response topic of a command; undefined: it may. `subscribed` is the filter of the
 * commands: an answer there would come back as a command.
 */
export function unusableBecause(
  topic: string,
  { delivery, subscribed }: { readonly delivery: Pick<Delivery, 'topic'>; readonly subscribed: string },
): string | undefined {
  if (topic === '') return 'it is empty'
  if (/[+#]/.test(topic)) return 'it has wildcards'
  if (topic.includes('\0')) return 'it has a NUL'
  if (topic.startsWith('$')) return "it begins with $, which is the broker's own"
  const isOurs = topic === delivery.topic || matches(topic, subscribed.replace(FILTER_PREFIX, ''))
  return isOurs ? 'commands come on it' : undefined
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
