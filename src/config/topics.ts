import { nearest } from './suggest.ts'

/** A complaint about a topic, with the text to write where there is one. */
export interface TopicProblem {
  readonly problem: string
  readonly hint?: string
}

/** MQTT 5.0, 1.5.4: the length of a string is a 16-bit number of bytes. */
const topicBytesMax = 65_535

/** What stands for a placeholder while the shape of a topic is checked. */
const sample = 'x'

/**
 * Checks a topic to publish to: only the given placeholders, no wildcards (MQTT 5.0, 4.7.1), nothing the broker keeps for
 * itself. A topic without {device} is fine, because every record names its device.
 */
export function checkTopic(template: string, placeholders: readonly string[]): TopicProblem[] {
  const problems = checkPlaceholders(template, placeholders)
  const wildcard = /[+#]/.exec(withoutPlaceholders(template))?.[0]
  if (wildcard !== undefined) problems.push({ problem: `a topic to publish to cannot hold ${wildcard}` })
  if (template.startsWith('$SYS')) problems.push({ problem: '$SYS belongs to the broker' })
  return [...problems, ...checkCommon(template)]
}

/** Checks a topic filter to subscribe to: + and # stand alone in their level, # is the last (MQTT 5.0, 4.7.1). */
export function checkFilter(template: string): TopicProblem[] {
  const problems = checkPlaceholders(template, ['gateway'])
  const levels = withoutPlaceholders(template).split('/')
  if (levels.some((level) => level.length > 1 && /[+#]/.test(level))) {
    problems.push({ problem: '+ and # stand alone between slashes' })
  } else if (levels.slice(0, -1).includes('#')) {
    problems.push({ problem: '# can only be the last level' })
  }
  return [...problems, ...checkCommon(template)]
}

/** Does a subscription to the filter bring messages of this topic? */
export function matchesFilter(topic: string, filter: string): boolean {
  const levels = topic.split('/')
  const wanted = filter.split('/')
  // Wildcards never stand for what belongs to the server (MQTT 5.0, 4.7.2).
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const end = wanted.indexOf('#')
  if (end < 0 && levels.length !== wanted.length) return false
  return wanted.every((level, index) => level === '#' || level === '+' || level === levels[index])
}

/**
 * The message queue of EMQX that a subscription means: `$queue/NAME`, `$queue/NAME/FILTER` (6.1.1 and later) or
 * `$q/FILTER`. Undefined: an ordinary subscription.
 */
export function queueOf(subscription: string): { readonly name?: string; readonly filter?: string } | undefined {
  const [first, ...rest] = subscription.split('/')
  if (first === '$q') return { filter: rest.join('/') }
  const [name = '', ...filter] = rest
  return first === '$queue' ? { name, ...(filter.length === 0 ? {} : { filter: filter.join('/') }) } : undefined
}

/** {gateway} replaced; the others stay. */
export function fillGateway(template: string, gatewayId: string): string {
  return template.replaceAll('{gateway}', () => gatewayId)
}

function checkCommon(template: string): TopicProblem[] {
  const problems: TopicProblem[] = []
  if (/\p{Cc}/u.test(template)) problems.push({ problem: 'a topic cannot hold control characters' })
  if (/^\s|\s$/.test(template)) problems.push({ problem: 'a topic begins or ends with a blank' })
  if (template.includes('//') || template.endsWith('/'))
    problems.push({ problem: 'an empty level between or behind slashes' })
  if (Buffer.byteLength(template) > topicBytesMax) problems.push({ problem: `longer than ${topicBytesMax} bytes` })
  return problems
}

function checkPlaceholders(template: string, allowed: readonly string[]): TopicProblem[] {
  const list = allowed.map((name) => `{${name}}`).join(', ')
  if (/[$%]\{/.test(template)) return [{ problem: 'placeholders are written without $', hint: `allowed: ${list}` }]
  const problems: TopicProblem[] = []
  for (const [whole, name = ''] of template.matchAll(/\{([^{}]*)\}/g)) {
    if (allowed.includes(name)) continue
    const near = nearest(name, allowed)
    const meant = near === undefined ? '' : `; did you mean {${near}}?`
    problems.push({ problem: `unknown placeholder ${whole}${meant}`, hint: `allowed: ${list}` })
  }
  if (/[{}]/.test(template.replace(/\{[^{}]*\}/g, ''))) problems.push({ problem: 'a brace without its partner' })
  return problems
}

function withoutPlaceholders(template: string): string {
  return template.replace(/\{[^{}]*\}/g, sample)
}
