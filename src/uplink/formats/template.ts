import { type Sample, type StoredRecord, valueJson } from '../../model.ts'
import { filledTemplate, readTemplate, type TemplatePer, type TemplatePlaceholder } from '../../template-words.ts'
import { recordText } from './envelope.ts'

/** What one message of a template is about: a reading, or one point of it. */
export interface TemplateSubject {
  readonly record: StoredRecord
  readonly samples: readonly Sample[]
}

export interface Template {
  /** A point that could not be read is worth a message. */
  readonly tellsErrors: boolean
  /** For a template per point, `samples` is that one. */
  text(subject: TemplateSubject): string
}

/** Takes the template apart once. */
export function templateOf(template: string, per: TemplatePer): Template {
  const { parts } = readTemplate(template, per)
  return {
    tellsErrors: parts.some((part) => 'placeholder' in part && part.placeholder === 'error'),
    text: (subject) => filledTemplate(parts, (placeholder) => textOf(placeholder, subject)),
  }
}

function textOf(placeholder: TemplatePlaceholder, { record, samples }: TemplateSubject): string {
  switch (placeholder) {
    case 'id':
      return `${record.idPrefix}${record.seq}`
    case 'gateway':
      return prefixOf(record).gateway
    case 'epoch':
      return prefixOf(record).epoch
    case 'seq':
      return String(record.seq)
    case 'after':
      return String(record.after ?? record.seq - 1)
    case 'ts':
      return String(record.ts)
    case 'ts_s':
      return String(Math.floor(record.ts / 1000))
    case 'ts_ns':
      return String(BigInt(record.ts) * 1_000_000n)
    case 'iso':
      return new Date(record.ts).toISOString()
    case 'clock':
      return record.clockKnown ? 'synced' : 'unsynced'
    case 'late':
      return String(record.late)
    case 'device':
      return record.source
    case 'record':
      return recordText(record)
    case 'values':
      return object(samples, ({ value }) => (value === undefined ? undefined : valueJson(value)))
    case 'errors':
      return object(samples, ({ error }) => (error === undefined ? undefined : JSON.stringify(error)))
    case 'point':
      return samples[0]?.point ?? ''
    case 'value':
      return valueText(samples[0])
    case 'error':
      return JSON.stringify(samples[0]?.error ?? null)
  }
}

/** `gateway/epoch/`; the epoch has no slash. */
function prefixOf({ idPrefix }: StoredRecord): { readonly gateway: string; readonly epoch: string } {
  const at = idPrefix.lastIndexOf('/', idPrefix.length - 2)
  return { gateway: idPrefix.slice(0, at), epoch: idPrefix.slice(at + 1, -1) }
}

function valueText(sample: Sample | undefined): string {
  return sample?.value === undefined ? 'null' : (valueJson(sample.value) ?? 'null')
}

function object(samples: readonly Sample[], jsonOf: (sample: Sample) => string | undefined): string {
  const members: string[] = []
  for (const sample of samples) {
    const json = jsonOf(sample)
    if (json !== undefined) members.push(`${JSON.stringify(sample.point)}:${json}`)
  }
  return `{${members.join(',')}}`
}
