/** A value as people type it, for a point. Pure. */
import type { PlainValue, PointFacts } from '../../device-api.ts'
import { GatewayError } from '../../errors.ts'

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  1: true,
  false: false,
  off: false,
  no: false,
  0: false,
}

/** Throws GatewayError('usage') for a text that is no such value. What fits the point, those know who write. */
export function typedValue({ point, type }: Pick<PointFacts, 'point' | 'type'>, text: string): PlainValue {
  if (type === 'string') return text
  if (type === 'bool' || type === 'bit') {
    const value = booleans[text.toLowerCase()]
    if (value !== undefined) return value
    throw new GatewayError('usage', `"${text}" is neither true nor false, and ${point} is one of them (${type})`)
  }
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) {
    throw new GatewayError('usage', `"${text}" is no number, and ${point} is one (${type})`)
  }
  // No digit of a 64-bit integer may be lost on the way.
  return /64$/.test(type) && /^-?\d+$/.test(text) ? text : number
}
