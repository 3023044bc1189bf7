import type { CommandIntakeSettings } from '../uplink-settings.ts'
import type { Parsed } from './units.ts'

export type KeySource = CommandIntakeSettings['key']

/** The pattern an editor checks against (JSON Schema). */
export const keySourcePattern = '^(topic:-?[0-9]+|user-property:.+|json:/.*)$'

/** A topic has at most this many levels that anybody counts. */
const levelMax = 100

/** `topic:-1`, `user-property:NAME`, `json:/pointer`: where a message carries the name of its command. */
export function parseKeySource(text: string): Parsed<KeySource> {
  const expected = `expected topic:-1, user-property:NAME or json:/pointer, got "${text}"`
  const [, from, rest = ''] = /^([^:]*):(.*)$/s.exec(text) ?? []
  switch (from) {
    case 'topic': {
      const level = Number(rest)
      if (!/^-?\d+$/.test(rest) || Math.abs(level) > levelMax) {
        return { problem: expected, hint: 'topic:-1 is the last level, topic:0 the first' }
      }
      return { value: { from: 'topic', level } }
    }
    case 'user-property':
      return rest === ''
        ? { problem: expected, hint: 'name the property' }
        : { value: { from: 'user-property', name: rest } }
    case 'json':
      // RFC 6901: a pointer is empty or begins with a slash; ~ only as ~0 or ~1.
      if (!rest.startsWith('/')) return { problem: expected, hint: `write json:/${rest}` }
      if (/~(?![01])/.test(rest)) return { problem: `${expected}; in a pointer ~ is written ~0` }
      return { value: { from: 'json', pointer: rest } }
    default:
      return { problem: expected }
  }
}
