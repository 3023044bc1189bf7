import type { Context } from 'hono'
import type { z } from 'zod'
import { GatewayError } from '../errors.ts'
import { bodyText } from './body.ts'

/** The query, checked. Throws GatewayError('usage') for what is wrong with it. */
export function asked<Schema extends z.ZodObject>(context: Context, schema: Schema): Defined<z.output<Schema>> {
  return without(checked(schema, context.req.query()))
}

/** The JSON body, checked; none counts as an empty object. */
export async function ordered<Schema extends z.ZodObject>(context: Context, schema: Schema): Promise<z.output<Schema>> {
  const text = await bodyText(context.req.raw)
  let body: unknown
  try {
    body = text === '' ? {} : JSON.parse(text)
  } catch {
    throw new GatewayError('usage', 'the body is not JSON')
  }
  return checked(schema, body)
}

function checked<Schema extends z.ZodObject>(schema: Schema, given: unknown): z.output<Schema> {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new GatewayError('usage', issue ? sentence(innermost(issue), given) : 'not understood')
}

type Issue = Pick<z.core.$ZodIssue, 'path' | 'message'>

/** Of several forms that were possible, the one that is nearest to what was given. */
function innermost(issue: z.core.$ZodIssue): Issue {
  if (issue.code !== 'invalid_union') return issue
  const [nearest] = [...issue.errors].sort((a, b) => a.length - b.length)
  const [first] = nearest ?? []
  if (!first) return issue
  const inner = innermost(first)
  return { message: inner.message, path: [...issue.path, ...inner.path] }
}

const VALUE_CHARACTERS = 60

/** `questions.0.count: Too big: one request reads at most 125, got 200` */
function sentence({ path, message }: Issue, given: unknown): string {
  const value = path.reduce<unknown>(
    (inside, step) => (isObject(inside) ? Reflect.get(inside, step) : undefined),
    given,
  )
  const shown = JSON.stringify(value) ?? 'nothing'
  const got = isObject(value) || /received/.test(message) ? '' : `, got ${shown.slice(0, VALUE_CHARACTERS)}`
  return `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}${got}`
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** The type of an object whose undefined fields are left out. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

export function without<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>
}
