/** From a line of text to samples, by a regular expression whose named groups are the points. Pure. */
import type { Sample, Value } from '../../model.ts'
import { bitsOf, integerRangeOf } from '../../point-types.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import { applyScaling } from '../scaling.ts'

/** What the words of a text instrument mean for a point of type bool. */
const words = new Map([
  ['1', true],
  ['true', true],
  ['on', true],
  ['yes', true],
  ['0', false],
  ['false', false],
  ['off', false],
  ['no', false],
])

/** A device's pattern, compiled once. */
export interface LinePattern {
  readonly device: DeviceSettings
  readonly expression: RegExp
}

export function compilePattern(device: DeviceSettings): LinePattern {
  return { device, expression: new RegExp(device.pattern ?? '') }
}

/**
 * The samples a line holds, or undefined when it does not match. A group that took no part in the match gives no sample;
 * one that holds no value of the point's type gives `invalid`.
 */
export function readLine(pattern: LinePattern, line: string): readonly Sample[] | undefined {
  const groups = pattern.expression.exec(line)?.groups
  if (!groups) return undefined
  return pattern.device.points.flatMap((point): readonly Sample[] => {
    const text = groups[point.name]
    if (text === undefined) return []
    const value = parseValue(point, text.trim())
    return [value === undefined ? { point: point.name, error: 'invalid' } : { point: point.name, value }]
  })
}

function parseValue(point: PointSettings, text: string): Value | undefined {
  switch (point.type) {
    case 'string':
      return text
    case 'bool':
    case 'bit': {
      const on = words.get(text.toLowerCase())
      return on === undefined ? undefined : on !== (point.invert ?? false)
    }
    case 'number':
    case 'float16':
    case 'float32':
    case 'float64':
      return numberOf(point, text)
    default:
      return integerOf(point, text)
  }
}

/** "+ 0012.50" as scales pad it: the sign may stand apart. */
function numberOf(point: PointSettings, text: string): Value | undefined {
  const match = /^([+-]?)\s*(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.exec(text)
  if (!match) return undefined
  const raw = Number(`${match[1]}${match[2]}${match[3] ?? ''}`)
  if (point.invalid.some((marker) => Number(marker) === raw)) return undefined
  return applyScaling(raw, point)
}

function integerOf(point: PointSettings, text: string): Value | undefined {
  const match = /^([+-]?)\s*(\d+)$/.exec(text)
  if (!match) return undefined
  const raw = BigInt(match[2] ?? 0) * (match[1] === '-' ? -1n : 1n)
  const range = integerRangeOf(point)
  const isHeld = range !== undefined && raw >= range.least && raw <= range.most
  if (!isHeld || point.invalid.includes(raw)) return undefined
  return applyScaling(bitsOf(point.type) === 64 ? raw : Number(raw), point)
}
