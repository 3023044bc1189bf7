import { parseRef } from './ref.ts'

type Block = Record<string, unknown>

/** Keys that say how registers of a certain type are read. */
const ofType = ['bit', 'width', 'length']

/**
 * A point of a profile with what the configuration says about it instead, key by key. Keys that answer one question
 * replace each other: `ref` or `address`, `interval` or `schedule`.
 */
export function overlay(base: Block, own: unknown): unknown {
  if (typeof own !== 'object' || own === null || Array.isArray(own)) return own // wrong, and told by the schema
  const says = (...keys: string[]) => keys.some((key) => Object.hasOwn(own, key))
  const gone: string[] = []
  if (says('ref')) gone.push('register', 'address')
  if (says('interval')) gone.push('schedule')
  if (says('schedule')) gone.push('interval')
  if (says('type')) gone.push(...ofType)
  if (Reflect.get(own, 'report') === 'always') gone.push('deadband', 'at_least_every')
  const start = says('register', 'address') && !says('ref') ? withAddress(base) : base
  return { ...without(start, gone), ...own }
}

/** The same place as register and address, so that one of them can be replaced. */
function withAddress(base: Block): Block {
  const { ref, ...rest } = base
  const place = typeof ref === 'string' || typeof ref === 'number' ? parseRef(ref) : undefined
  return place && 'value' in place ? { ...rest, ...place.value } : base
}

function without(block: Block, keys: readonly string[]): Block {
  return Object.fromEntries(Object.entries(block).filter(([key]) => !keys.includes(key)))
}
