/** NMEA 0183 sentences. Pure. */

export interface Sentence {
  /** From `$` or `!` up to its checksum, that one not included. */
  readonly text: string
  /** Something stood before it in the line: the rest of a torn sentence. */
  readonly behindRubbish: boolean
}

/**
 * The sentence in a line, `$GPGGA,...*47`, or undefined when there is none with a right checksum: the XOR of all
 * characters between `$` (or `!`, for encapsulated data) and `*`, as two hexadecimal digits (NMEA 0183, section 5.3).
 * A sentence whose end was lost has the next one in its line; both delimiters are reserved, so the last one begins it.
 */
export function findSentence(line: string): Sentence | undefined {
  const begin = Math.max(line.lastIndexOf('$'), line.lastIndexOf('!'))
  if (begin < 0) return undefined
  const match = /^([$!]([^*]*))\*([0-9A-F]{2})\s*$/i.exec(line.slice(begin))
  if (!match) return undefined
  const [, text = '', covered = '', digits = ''] = match
  let sum = 0
  for (let index = 0; index < covered.length; index++) sum ^= covered.charCodeAt(index)
  if (sum !== Number.parseInt(digits, 16)) return undefined
  // A tag block (NMEA 4.10) rightly stands before a sentence: \s:station*hh\
  const before = line.slice(0, begin)
  return { text, behindRubbish: before !== '' && !/^\\[^\\]*\\$/.test(before) }
}
