import type { MessageTarget } from '../../command-settings.ts'
import type { Path } from '../problem.ts'
import type { Command } from '../schema/command.ts'
import { buildRule } from './command-values.ts'
import type { Context } from './context.ts'
import { connectionTypeOf } from './devices.ts'
import { checkEscapes, checkOneByte } from './escapes.ts'

/** A text for a device; undefined when the device is wrong, which is told. */
export function buildMessage(
  context: Context,
  path: Path,
  options: { readonly send: NonNullable<Command['send']>; readonly values: Command['values'] },
): MessageTarget | undefined {
  const { device, text } = options.send
  const place = [...path, 'send', 'text']
  checkEscapes(context, place, text)
  checkOneByte(context, place, text)
  const value = buildRule(context, path, { values: options.values, texts: [{ place, text }] })
  for (const [index, one] of (value.oneOf ?? []).entries()) {
    checkOneByte(context, [...path, 'values', 'one_of', index], String(one))
  }
  return takesText(context, [...path, 'send', 'device'], device) ? { type: 'message', device, text, value } : undefined
}

function takesText(context: Context, place: Path, device: string): boolean {
  const known = context.names(['devices'])
  if (!known.includes(device)) {
    context.dangling(place, { kind: 'device', name: device, known })
    return false
  }
  const connection = context.file.devices[device]?.connection
  const type = connection === undefined ? undefined : connectionTypeOf(context, connection)
  if (type === undefined || type === 'serial-text') return type !== undefined // else wrong, and told
  const hint = type === 'serial-binary' ? 'it cannot be written to' : 'write to its points: write: device.point'
  context.error(place, `${device} is on a ${type} connection, where no texts are sent`, { hint })
  return false
}
