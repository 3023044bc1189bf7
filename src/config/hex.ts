import type { Parsed } from './units.ts'

/** The pattern an editor checks against (JSON Schema). */
export const hexPattern = '^(?:[0-9A-Fa-f]{2} ?)+$'

/** `AA 55` -> bytes. */
export function parseHex(text: string): Parsed<Uint8Array> {
  const digits = text.replace(/0x/gi, '').replace(/[\s:,-]/g, '')
  if (digits.length === 0 || digits.length % 2 === 1 || /[^0-9a-f]/i.test(digits)) {
    return { problem: `expected bytes in hexadecimal such as "AA 55", got "${text}"` }
  }
  if (!new RegExp(hexPattern).test(text)) {
    return {
      problem: `expected bytes in hexadecimal such as "AA 55", got "${text}"`,
      hint: `write "${digits.toUpperCase().replace(/(..)(?=.)/g, '$1 ')}"`,
    }
  }
  return { value: Uint8Array.from(Buffer.from(digits, 'hex')) }
}
