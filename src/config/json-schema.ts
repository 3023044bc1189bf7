import { z } from 'zod'
import { file } from './schema/file.ts'

/** A JSON Schema node, as far as the documentation walks it. */
export interface JsonSchema {
  readonly title?: string
  /** The range of a duration or size in words. */
  readonly $comment?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

/**
 * What may stand in a configuration file, for editors: draft 7, because the YAML language server knows that best. Editors
 * show descriptions only, so a default is told there too.
 */
export function jsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(file, {
    io: 'input',
    target: 'draft-07',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema: node }) {
      // JSON knows neither; YAML's large integers are integers to an editor.
      if (zodSchema._zod.def.type === 'bigint') node.type = 'integer'
      if (Math.abs(node.minimum ?? 0) === Number.MAX_SAFE_INTEGER) delete node.minimum
      if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum
    },
  })
  const { $schema, ...rest } = withDefaultsTold(schema as JsonSchema & { $schema?: string }) as JsonSchema & {
    $schema?: string
  }
  return { ...($schema === undefined ? {} : { $schema }), title: 'Tidegate configuration', ...rest } as JsonSchema
}

/** The default as it would be written in the file; undefined when there is none or it is a block. */
export function defaultOf(node: JsonSchema): string | undefined {
  const value = node.default
  if (value === undefined || typeof value === 'object') return undefined
  return typeof value === 'string' && /^\s|\s$|^$/.test(value) ? JSON.stringify(value) : String(value)
}

function withDefaultsTold(node: JsonSchema): JsonSchema {
  const told = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, walkable.has(key) ? visit(key, value) : value]),
  ) as JsonSchema
  const text = defaultOf(node)
  if (text === undefined || node.description === undefined) return told
  return { ...told, description: `${node.description} Default: ${text}.` }
}

const walkable = new Set(['properties', 'additionalProperties', 'items', 'anyOf', 'oneOf'])

function visit(key: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one: JsonSchema) => withDefaultsTold(one))
  if (typeof value !== 'object' || value === null) return value
  if (key !== 'properties') return withDefaultsTold(value as JsonSchema)
  return Object.fromEntries(
    Object.entries(value).map(([name, one]: [string, JsonSchema]) => [name, withDefaultsTold(one)]),
  )
}
