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

/** Throws GatewayError('usage') for what the point cannot take. What the device takes, it says itself. */
export function typedValue(facts: PointFacts, text: string): PlainValue {
  const { point, type, access } = facts
  if (access === 'ro') {
    throw new GatewayError('usage', `${point} can only be read`, {
      hint: 'access: rw on the point in the configuration, if the device takes writes there',
    })
  }
  if (type === 'string') return text
  if (type === 'bool' || type === 'bit') {
    const value = booleans[text.toLowerCase()]
    if (value !== undefined) return value
    throw new GatewayError('usage', `"${text}" is neither true nor false, and ${point} is one of them (${type})`)
  }
  return numberOf(facts, text)
}

function numberOf({ point, type, min, max }: PointFacts, text: string): PlainValue {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) {
    throw new GatewayError('usage', `"${text}" is no number, and ${point} is one (${type})`)
  }
  if (min !== undefined && number < min) throw outside(point, text, `at least ${min}`)
  if (max !== undefined && number > max) throw outside(point, text, `at most ${max}`)
  // No digit of a 64-bit integer may be lost on the way.
  return /64$/.test(type) && /^-?\d+$/.test(text) ? text : number
}

function outside(point: string, text: string, allowed: string): GatewayError {
  return new GatewayError('usage', `${text} is outside what ${point} may be set to: ${allowed}`, {
    hint: 'min and max of the point stand in the configuration',
  })
}
