import type { FormatSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { checkTemplate } from '../template-problems.ts'
import type { Context } from './context.ts'

/** What records look like. */
export function buildFormat(context: Context, path: Path, uplink: Uplink): FormatSettings {
  const { format } = uplink
  const isTemplate = typeof format === 'object'
  if (format !== 'json' && uplink.batch !== undefined) {
    const noun = isTemplate ? 'a template makes' : `${format} makes`
    context.error([...path, 'batch'], `${noun} one message at a time, nothing to put into an array`, {
      hint: 'remove it, or use format: json',
      at: 'key',
    })
  }
  if (!isTemplate) return { type: format }
  const { template, per, content_type: contentType } = format
  for (const { severity, problem, hint } of checkTemplate(template, { per, contentType })) {
    context[severity]([...path, 'format', 'template'], problem, { hint })
  }
  return { type: 'template', template, per, contentType }
}

/** Has each point a message of its own? */
export function isPerPoint(uplink: Uplink): boolean {
  return uplink.format === 'json-flat' || (typeof uplink.format === 'object' && uplink.format.per === 'point')
}
