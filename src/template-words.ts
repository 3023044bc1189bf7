/**
 * The language of templates: what an operator may write for `format: { template: ... }`. It stands here because the
 * configuration checks a template by the same rules by which the uplink fills it.
 */

interface Placeholder {
  /** The kind of template it belongs to; absent: both. */
  readonly per?: 'record' | 'point'
  /** Its text is JSON, which may be more than a name or a time. */
  readonly json: boolean
}

/** What each means is in docs/formats.md. */
const PLACEHOLDERS = {
  id: { json: false },
  gateway: { json: false },
  epoch: { json: false },
  seq: { json: true },
  after: { json: true },
  ts: { json: true },
  ts_s: { json: true },
  ts_ns: { json: true },
  iso: { json: false },
  clock: { json: false },
  late: { json: true },
  device: { json: false },
  values: { json: true, per: 'record' },
  errors: { json: true, per: 'record' },
  record: { json: true, per: 'record' },
  point: { json: false, per: 'point' },
  value: { json: true, per: 'point' },
  error: { json: true, per: 'point' },
} as const satisfies Readonly<Record<string, Placeholder>>

export type TemplatePlaceholder = keyof typeof PLACEHOLDERS

export type TemplatePer = 'record' | 'point'

/** A text that is sent as it is, or a placeholder to be replaced. */
export type TemplatePart =
  | { readonly text: string }
  | {
      readonly placeholder: TemplatePlaceholder
      /** It stands between double quotes. */
      readonly quoted: boolean
    }

export interface TemplateReading {
  readonly parts: readonly TemplatePart[]
  /** What stands between braces as placeholders do and is none, without the braces. */
  readonly unknown: readonly string[]
  /** Placeholders between double braces, which are sent as text, with one brace on either side. */
  readonly literal: readonly string[]
}

/** What each placeholder of a template becomes, before it is fitted in: JSON, or a bare text. */
export type TemplateTexts = (placeholder: TemplatePlaceholder) => string

/**
 * A name between braces or double braces. What else stands between braces (nothing, quotes, colons) is the template's own
 * JSON.
 */
const BRACED = /\{\{([\w.$ -]+)\}\}|\{([\w.$ -]+)\}/g

/** The placeholders that a template of this kind may hold, in the order in which they are explained. */
export function templatePlaceholders(per: TemplatePer): readonly TemplatePlaceholder[] {
  return Object.entries(PLACEHOLDERS).flatMap(([name, placeholder]: [string, Placeholder]) =>
    placeholder.per === undefined || placeholder.per === per ? [name as TemplatePlaceholder] : [],
  )
}

/** Takes a template apart. Never fails: what is wrong with it is said in `unknown`, and goes into the text as it stands. */
export function readTemplate(template: string, per: TemplatePer): TemplateReading {
  const known: readonly string[] = templatePlaceholders(per)
  const parts: TemplatePart[] = []
  const unknown: string[] = []
  const literal: string[] = []
  const quotes = new Quotes()
  const addText = (text: string) => {
    quotes.pass(text)
    if (text !== '') parts.push({ text })
  }
  let end = 0
  for (const found of template.matchAll(BRACED)) {
    const [whole, doubled, single] = found
    const name = doubled ?? single ?? ''
    if (name.trim() === '') continue
    addText(template.slice(end, found.index))
    end = found.index + whole.length
    if (doubled !== undefined) {
      literal.push(name)
      addText(`{${name}}`)
    } else if (known.includes(name)) parts.push({ placeholder: name as TemplatePlaceholder, quoted: quotes.open })
    else {
      unknown.push(name)
      addText(whole)
    }
  }
  addText(template.slice(end))
  return { parts, unknown, literal }
}

/**
 * A template with its placeholders replaced. Between double quotes everything is escaped as in a JSON string, so that no value can
 * end the string it stands in; elsewhere JSON comes as JSON, a text with its quotes, and bare texts come escaped without.
 */
export function filledTemplate(parts: readonly TemplatePart[], textOf: TemplateTexts): string {
  let text = ''
  for (const part of parts) text += 'text' in part ? part.text : fitted(part, textOf(part.placeholder))
  return text
}

function fitted(
  { placeholder, quoted }: { readonly placeholder: TemplatePlaceholder; readonly quoted: boolean },
  text: string,
): string {
  if (!PLACEHOLDERS[placeholder].json) return escaped(text)
  if (!quoted) return text
  // A string gives its inside, which is escaped already. Null is an empty text, any other JSON is text as it stands.
  if (text.startsWith('"')) return text.slice(1, -1)
  return text === 'null' ? '' : escaped(text)
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** Follows where JSON strings begin and end. */
class Quotes {
  open = false
  #escape = false

  pass(text: string): void {
    for (const character of text) {
      if (this.#escape) this.#escape = false
      else if (character === '"') this.open = !this.open
      else if (this.open && character === '\\') this.#escape = true
    }
  }
}
