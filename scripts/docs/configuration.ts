import { defaultOf, type JsonSchema } from '../../src/config/json-schema.ts'

/** A table of keys that stand beside each other in the file. */
export interface Section {
  /** `devices.NAME.points.NAME` */
  readonly title: string
  readonly text: string
  readonly options: readonly Option[]
}

export interface Option {
  /** `interval`, or `tls.ca` for a key in a block of its own. */
  readonly key: string
  readonly required: boolean
  readonly text: string
  readonly default: string
  readonly allowed: string
}

/** All keys of the configuration, in the order of the schema. */
export function sectionsOf(schema: JsonSchema): Section[] {
  const top: Option[] = []
  const sections: Section[] = []
  for (const [key, node] of Object.entries(schema.properties ?? {})) {
    top.push(optionOf(key, node, required(schema, key)))
    if (node.properties) sections.push({ title: key, text: node.description ?? '', options: optionsOf(node) })
    else sections.push(...entrySections(key, node))
  }
  return [{ title: 'The file', text: 'The keys at the top.', options: top }, ...sections]
}

/** The reference as Markdown. */
export function configurationReference(schema: JsonSchema): string {
  return sectionsOf(schema)
    .map((section) => [`### ${section.title}`, section.text, optionTable(section.options)].join('\n\n'))
    .join('\n\n')
}

/** A map of named entries: a section per kind of entry, and for the maps inside them. */
function entrySections(path: string, node: JsonSchema): Section[] {
  const entry = node.additionalProperties
  if (typeof entry !== 'object') return []
  return (entry.oneOf ?? [entry]).flatMap((kind) => {
    const title = kind.title === undefined ? `${path}.NAME` : `${path}.NAME of type ${kind.title}`
    const type = kind.properties?.['type']
    const text = (type?.const === undefined ? node.description : type.description) ?? ''
    const inner = Object.entries(kind.properties ?? {}).filter(([, value]) => hasEntries(value))
    return [
      { title, text: text.replace(/ Default: none\.$/, ''), options: optionsOf(kind) },
      ...inner.flatMap(([key, value]) => entrySections(`${path}.NAME.${key}`, value)),
    ]
  })
}

function optionsOf(node: JsonSchema, prefix = ''): Option[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
    const own = optionOf(prefix + key, value, required(node, key))
    const blocks = [value, ...(value.anyOf ?? [])].filter((one) => one.properties)
    return [own, ...blocks.flatMap((block) => optionsOf(block, `${prefix}${key}.`))]
  })
}

function optionOf(key: string, node: JsonSchema, isRequired: boolean): Option {
  const description = node.description ?? ''
  const [, text = description, told = ''] = /^(.*?)(?: Default(?: on TCP)?: (.*)\.)?$/s.exec(description) ?? []
  const value = defaultOf(node)
  return {
    key,
    required: isRequired,
    text,
    default: isRequired ? 'required' : value === undefined ? told : `\`${value}\``,
    allowed: allowed(node),
  }
}

function allowed(node: JsonSchema): string {
  if (node.const !== undefined) return `\`${String(node.const)}\``
  if (node.enum) return node.enum.map((word) => `\`${String(word)}\``).join(' ')
  if (node.properties) return 'block'
  if (typeof node.additionalProperties === 'object') return 'names'
  const choices = node.anyOf ?? node.oneOf
  if (choices) return [...new Set(choices.map(allowed).filter((words) => words !== ''))].join(' or ')
  if (node.type === 'array') return 'list'
  if (node.minimum !== undefined && node.maximum !== undefined) return `${node.minimum} to ${node.maximum}`
  if (node.type === 'string' && node.pattern?.includes('/(s|min|h')) return 'rate'
  if (node.type === 'string' && node.pattern?.includes('(ms|s|m|h|d)')) return ranged('duration', node)
  if (node.type === 'string' && node.pattern?.includes('GiB')) return ranged('size', node)
  if (node.type === 'string') return 'text'
  if (node.type === 'boolean') return '`true` `false`'
  return node.type === 'integer' ? 'whole number' : node.type === 'number' ? 'number' : ''
}

function ranged(noun: string, node: JsonSchema): string {
  return node.$comment === undefined ? noun : `${noun}, ${node.$comment}`
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => [`\`${option.key}\``, option.text, option.default, option.allowed])
  return [['key', 'what it is', 'default', 'values'], ['---', '---', '---', '---'], ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

function required(node: JsonSchema, key: string): boolean {
  return node.required?.includes(key) ?? false
}

function hasEntries(node: JsonSchema): boolean {
  return typeof node.additionalProperties === 'object' && node.additionalProperties.properties !== undefined
}
