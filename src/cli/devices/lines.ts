import { parseLine } from '../../config/line.ts'
import { GatewayError } from '../../errors.ts'
import type { LineSettings } from '../../settings.ts'

/** "9600 8N1". Throws GatewayError('usage') for anything else. */
export function lineFrom(text: string): LineSettings {
  const parsed = parseLine(text.trim())
  if ('value' in parsed) return parsed.value
  throw new GatewayError('usage', parsed.problem, { hint: parsed.hint ?? 'such as "9600 8N1"' })
}
