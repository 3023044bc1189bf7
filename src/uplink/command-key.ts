import type { CommandIntakeSettings } from '../uplink-settings.ts'
import type { Delivery } from './transport.ts'

/** Where the last-value key of a command is found; '' when the message carries none. */
export function keyOf(delivery: Delivery, where: CommandIntakeSettings['key']): string {
  switch (where.from) {
    case 'topic':
      // 0 is the first level, -1 the last.
      return delivery.topic.split('/').at(where.level) ?? ''
    case 'user-property':
      return delivery.userProperties[where.name] ?? ''
    case 'json':
      return keyAt(delivery.payload, where.pointer)
  }
}

function keyAt(payload: Uint8Array, pointer: string): string {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return ''
  }
  const found = at(value, pointer)
  return typeof found === 'string' || typeof found === 'number' ? String(found) : ''
}

/** JSON Pointer (RFC 6901): `/a/b`, with ~1 for a slash and ~0 for a tilde inside a name. */
function at(document: unknown, pointer: string): unknown {
  let value = document
  for (const token of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (!Object.hasOwn(value, name)) return undefined
    value = Reflect.get(value, name)
  }
  return value
}
