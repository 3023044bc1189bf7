/** Characters of a message in a line of the log. */
const EXCERPT_MAX = 80

/** The beginning of what a device said, on one line: control characters as in a pattern, `\r` or `\x02`. Pure. */
export function excerpt(text: string): string {
  const shown = text.slice(0, EXCERPT_MAX).replace(/[\\\p{Cc}]/gu, escaped)
  return text.length > EXCERPT_MAX ? `${shown}...` : shown
}

const short: Readonly<Record<string, string>> = { '\\': '\\\\', '\r': '\\r', '\n': '\\n', '\t': '\\t' }

function escaped(character: string): string {
  return short[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
