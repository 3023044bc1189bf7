import { type Sample, type StoredRecord, valueJson } from '../../model.ts'
import type { FormatSettings, MqttSettings } from '../../uplink-settings.ts'
import { framed, recordText } from './envelope.ts'
import type { Format, Payload, Piece } from './format.ts'
import { samplesOf } from './samples.ts'
import { templateOf } from './template.ts'
import { type TopicOf, topicsOf } from './topics.ts'

const JSON_TYPE = 'application/json'

/** The format of an uplink. Its topics are templates with {device}, {point} (data) and {key} (results) left in them. */
export function formatOf(settings: FormatSettings, topics: MqttSettings['topics']): Format {
  const topicOf = topicsOf(topics)
  switch (settings.type) {
    case 'json':
      return jsonFormat(topicOf)
    case 'json-flat':
      return { contentType: JSON_TYPE, pieces: readingsAs(flatPieces(topicOf), { topicOf, unreadable: topics.event }) }
    case 'template':
      return {
        contentType: settings.contentType,
        pieces: readingsAs(templatePieces(settings, topicOf), { topicOf, unreadable: topics.event }),
      }
  }
}

/** Each record as one object; a batch is an array of them. Joins strings, parses nothing. */
function jsonFormat(topicOf: TopicOf): Format {
  return {
    contentType: JSON_TYPE,
    // A comma for each, and the brackets of an array of one.
    batch: { overheadBytes: 2, join: jsonArray },
    pieces: (record) => [{ topic: topicOf(record), payload: recordText(record) }],
  }
}

function jsonArray(pieces: readonly Payload[]): string {
  return `[${pieces.join(',')}]`
}

type ReadingPieces = (record: StoredRecord, samples: readonly Sample[]) => readonly Piece[]

/**
 * For formats that look into readings. Events and results are json. So is a reading that nobody here can take apart (another
 * version of the program wrote it): it goes to the topic `unreadable`, where it is noticed, since it has no point for its own.
 */
function readingsAs(pieces: ReadingPieces, others: { topicOf: TopicOf; unreadable: string }): Format['pieces'] {
  return (record) => {
    if (record.kind !== 'data') return [{ topic: others.topicOf(record), payload: recordText(record) }]
    const samples = samplesOf(record)
    return samples ? pieces(record, samples) : [{ topic: others.unreadable, payload: recordText(record) }]
  }
}

/** A message for each point: `{"id","ts","device","point","value"}`, with `error` instead of `value` when it could not be read. */
function flatPieces(topicOf: TopicOf): ReadingPieces {
  return (record, samples) => {
    const device = `"device":${JSON.stringify(record.source)},"point":`
    return samples.map((sample) => ({
      topic: topicOf(record, sample.point),
      payload: framed(record, `${device}${JSON.stringify(sample.point)},${flatSample(sample)}`),
    }))
  }
}

function flatSample({ value, error }: Sample): string {
  const json = value === undefined ? undefined : valueJson(value)
  return json === undefined ? `"error":${JSON.stringify(error)}` : `"value":${json}`
}

/**
 * A message for each reading, or for each point of it. A point that could not be read has one only where the template says
 * why: a value that is none must not look like one (P6).
 */
function templatePieces(
  { template, per }: Extract<FormatSettings, { type: 'template' }>,
  topicOf: TopicOf,
): ReadingPieces {
  const { text, tellsErrors } = templateOf(template, per)
  if (per === 'record') return (record, samples) => [{ topic: topicOf(record), payload: text({ record, samples }) }]
  return (record, samples) =>
    samples
      .filter(({ error }) => error === undefined || tellsErrors)
      .map((sample) => ({ topic: topicOf(record, sample.point), payload: text({ record, samples: [sample] }) }))
}
