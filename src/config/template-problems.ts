import {
  filledTemplate,
  readTemplate,
  type TemplatePart,
  type TemplatePer,
  type TemplatePlaceholder,
  templatePlaceholders,
} from '../template-words.ts'
import { nearest } from './suggest.ts'

/** A complaint about a template, with what to write where it is known. */
export interface TemplateProblem {
  readonly severity: 'error' | 'warning'
  readonly problem: string
  readonly hint?: string
}

interface Options {
  readonly per: TemplatePer
  readonly contentType: string
}

/** Checks a template: only placeholders that this kind of template has, and JSON where the content type says so. */
export function checkTemplate(template: string, options: Options): TemplateProblem[] {
  const { per, contentType } = options
  const { parts, unknown, literal } = readTemplate(template, per)
  const errors = [...new Set(unknown)].map((name) => unknownPlaceholder(name, per))
  if (errors.length === 0 && isJsonType(contentType)) errors.push(...notJson(parts, contentType))
  const warnings = [...new Set(literal)].flatMap((name) => literalPlaceholder(name, per))
  if (/\$\{\w+\}/.test(template)) {
    warnings.push({ severity: 'warning', problem: 'the $ before a placeholder is sent, too', hint: 'leave it out' })
  }
  if (errors.length === 0 && warnings.length === 0 && !parts.some((part) => 'placeholder' in part)) {
    const problem = 'the template holds no placeholder, so every message is the same'
    warnings.push({ severity: 'warning', problem, hint: `there are ${list(per)}` })
  }
  return [...errors, ...warnings]
}

/** application/json, application/senml+json, text/json; charset=utf-8 */
function isJsonType(contentType: string): boolean {
  return /[/+]json\s*(;|$)/i.test(contentType)
}

function unknownPlaceholder(name: string, per: TemplatePer): TemplateProblem {
  const other = per === 'record' ? 'point' : 'record'
  const others: readonly string[] = templatePlaceholders(other)
  if (others.includes(name)) return { severity: 'error', problem: `{${name}} needs per: ${other}` }
  const meant = nearest(name, templatePlaceholders(per))
  const suggestion = meant === undefined ? '' : `; did you mean {${meant}}?`
  const allowed = meant === undefined ? `allowed: ${list(per)}; ` : ''
  return {
    severity: 'error',
    problem: `unknown placeholder {${name}}${suggestion}`,
    hint: `${allowed}{{${name}}} is sent as {${name}}`,
  }
}

/** Other tools write double braces around what is replaced. */
function literalPlaceholder(name: string, per: TemplatePer): TemplateProblem[] {
  const meant = nearest(name, templatePlaceholders(per))
  if (meant === undefined) return []
  const problem = `{{${name}}} is sent as the text {${name}}`
  return [{ severity: 'warning', problem, hint: `write {${meant}} for what it stands for` }]
}

/**
 * What a reading may bring. Where null and an empty object stand alone, every value does: so a template that gives JSON with
 * both samples gives it always. The first is there to be shown.
 */
const SAMPLES: readonly Partial<Readonly<Record<TemplatePlaceholder, string>>>[] = [
  { value: '61.3', values: '{"supply_temp":61.3}', errors: '{"setpoint":"timeout"}', error: 'null' },
  { value: 'null', values: '{}', errors: '{}', error: 'null' },
]

const COMMON: Partial<Readonly<Record<TemplatePlaceholder, string>>> = {
  id: 'plant7-gw01/17-3f9a2c/184467',
  gateway: 'plant7-gw01',
  epoch: '17-3f9a2c',
  seq: '184467',
  after: '184466',
  ts: '1763683200123',
  ts_s: '1763683200',
  ts_ns: '1763683200123000000',
  iso: '2025-11-21T00:00:00.123Z',
  clock: 'synced',
  late: 'false',
  device: 'boiler',
  record: '{"id":"plant7-gw01/17-3f9a2c/184467"}',
  point: 'supply_temp',
}

function notJson(parts: readonly TemplatePart[], contentType: string): TemplateProblem[] {
  for (const sample of SAMPLES) {
    const text = filledTemplate(parts, (placeholder) => sample[placeholder] ?? COMMON[placeholder] ?? '')
    try {
      JSON.parse(text)
    } catch {
      return [
        {
          severity: 'error',
          problem: `this would be sent, and it is no JSON: ${text.trim()}`,
          hint: `names and times such as {device} and {iso} stand between double quotes; for no JSON write another content_type than ${contentType}`,
        },
      ]
    }
  }
  return []
}

function list(per: TemplatePer): string {
  return templatePlaceholders(per)
    .map((placeholder) => `{${placeholder}}`)
    .join(', ')
}
