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
  const place = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
  throw new GatewayError('usage', `${place}${issue?.message ?? 'not understood'}`)
}

/** The type of an object whose undefined fields are left out. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

export function without<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>
}
