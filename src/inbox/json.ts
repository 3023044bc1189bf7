/** JSON in which integers beyond 2^53 become bigint instead of losing digits. Throws SyntaxError like JSON.parse. */
export function parseJson(text: string): unknown {
  return parse(text, (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    const { source } = context
    return source !== undefined && integer.test(source) ? BigInt(source) : value
  })
}

const integer = /^-?\d+$/

/** The reviver's third argument (ECMAScript "JSON.parse source text access") is not in the type library yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown
