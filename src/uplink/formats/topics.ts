import type { StoredRecord } from '../../model.ts'
import type { MqttSettings } from '../../uplink-settings.ts'

/** Topics remembered at most; a site has a few hundred devices and keys, and making one again is cheap. */
const TOPICS_MAX = 4_096

/** The topic of a record, or of one point of a data record. */
export type TopicOf = (record: StoredRecord, point?: string) => string

/** Makes topics from the templates; remembers those it made, because there are few and records many. */
export function topicsOf(templates: MqttSettings['topics']): TopicOf {
  const readings = new Map<string, string>()
  const points = new Map<string, string>()
  const results = new Map<string, string>()
  return (record, point) => {
    const { source } = record
    switch (record.kind) {
      case 'event':
        return templates.event
      case 'outcome':
        return remembered(results, source, () => filled(templates.result, { key: source }))
      case 'data':
        if (point === undefined) return remembered(readings, source, () => filled(templates.data, { device: source }))
        // The length keeps two pairs of names apart that read the same one behind the other.
        return remembered(points, `${source.length} ${source}${point}`, () =>
          filled(templates.data, { device: source, point }),
        )
    }
  }
}

function remembered(made: Map<string, string>, name: string, make: () => string): string {
  const known = made.get(name)
  if (known !== undefined) return known
  if (made.size >= TOPICS_MAX) made.clear()
  const topic = make()
  made.set(name, topic)
  return topic
}

/** In one pass: a name that reads like a placeholder is a name. */
function filled(template: string, names: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, placeholder: string) => {
    const name = names[placeholder]
    return name === undefined ? whole : topicLevel(name)
  })
}

/**
 * A name as one level of a topic: wildcards and NUL are not allowed in a topic name (MQTT 5.0 section 4.7.1), a slash would
 * add a level.
 */
export function topicLevel(name: string): string {
  return name.replace(/[+#/\0]/g, '_')
}
