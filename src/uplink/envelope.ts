import type { StoredRecord } from '../model.ts'
import type { MqttSettings } from '../uplink-settings.ts'

/**
 * From stored records to what is sent, by joining strings: a record's body is already the inside of its JSON object, so
 * draining a backlog parses and serializes nothing.
 */

/**
 * The record as one JSON object. The identity goes first, what is only known when sending goes last; ids, sources and
 * bodies were made JSON-safe when the record was. An outcome's body begins with the command's own "id", so the record's
 * identity is called "record" there.
 */
export function recordText(record: StoredRecord): string {
  const name = record.kind === 'outcome' ? '{"record":"' : '{"id":"'
  const after = record.after === undefined ? '' : `,"after":${record.after}`
  const clock = record.clockKnown ? '' : ',"clock":"unsynced"'
  const late = record.late ? ',"late":true' : ''
  return `${name}${record.idPrefix}${record.seq}","ts":${record.ts}${after},${record.body}${clock}${late}}`
}

/** Several records as one JSON array. */
export function batchText(records: readonly StoredRecord[]): string {
  let text = '['
  for (const record of records) text += text.length === 1 ? recordText(record) : `,${recordText(record)}`
  return `${text}]`
}

/** Topics remembered at most; a site has a few hundred devices and keys, and making one again is cheap. */
const TOPICS_MAX = 4_096

/** Gives the topic of a record from the templates; remembers those it made, because there are few and records many. */
export function topicsOf(templates: MqttSettings['topics']): (record: StoredRecord) => string {
  const data = new Map<string, string>()
  const results = new Map<string, string>()
  return (record) => {
    switch (record.kind) {
      case 'event':
        return templates.event
      case 'outcome':
        return remembered(results, record.source, () => filled(templates.result, '{key}', record.source))
      case 'data':
        return remembered(data, record.source, () => filled(templates.data, '{device}', record.source))
    }
  }
}

function remembered(made: Map<string, string>, source: string, make: () => string): string {
  const known = made.get(source)
  if (known !== undefined) return known
  if (made.size >= TOPICS_MAX) made.clear()
  const topic = make()
  made.set(source, topic)
  return topic
}

/** Wildcards and NUL are not allowed in a topic name (MQTT 5.0 section 4.7.1), a slash would add a level. */
function filled(template: string, placeholder: string, source: string): string {
  return template.replaceAll(placeholder, () => source.replace(/[+#/\0]/g, '_'))
}
