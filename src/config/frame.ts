/** Frames are cut to this many characters around the place, so that a file in one line stays readable. */
const frameWidthMax = 110

/** CJK and fullwidth characters take two columns of a terminal (Unicode UAX #11, W and F). */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/

/**
 * Values behind keys that sound secret, in quotes or bare, except references to a secret (`secret:NAME` has no blank), and
 * passwords inside URLs. Works on lines, not on the parsed file, so that it also covers misspelt keys and broken YAML.
 */
const secretKey = /(?<![\w-])(?!secret:\S)[\w-]*(?:pas|pwd|psw|secret|token|credential)[\w-]*["']?\s*[:=]\s*/
const reference = /["']?(?:secret|env|file):/
const value = /"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"',}#](?:[^,}#\n]*[^\s,}#])?/
/**
 * A pre-shared key stands behind the word `key`, as do paths and the places of command keys: those have a dot, a slash or a
 * colon, a key in hexadecimal (or what should be one) has none.
 */
const presharedKey = /(\b(?:key|psk)["']?\s*[:=]\s*["']?)((?:[0-9a-f]{2}[: -])+[0-9a-f]{2}|\w{4,})(?![^\s"',}#])/gi
const secretValue = new RegExp(`(${secretKey.source})(?!${reference.source})(${value.source})`, 'gi')
const urlPassword = /(:\/\/[^/@\s:]*:)([^/\s]+)(?=@)/g

/** The line with its number and a caret line; the hint stands behind the carets. Line and column count from 1. */
export function frame(
  text: string,
  at: { readonly line: number; readonly column: number; readonly length: number; readonly hint?: string | undefined },
): string {
  const line = mask(lineOf(text, at.line)).replace(/[\p{Cc}]/gu, ' ')
  const start = at.column - 1
  const cut = Math.max(0, Math.min(start - frameWidthMax / 2, line.length - frameWidthMax))
  const shown = line.slice(cut, cut + frameWidthMax)
  const before = shown.slice(0, Math.max(0, start - cut))
  const marked = shown.slice(before.length, before.length + Math.max(1, at.length))
  const number = String(at.line).padStart(5)
  const hint = at.hint === undefined ? '' : ` ${at.hint}`
  return [
    `${number} | ${shown}`.trimEnd(),
    `${' '.repeat(number.length)} | ${' '.repeat(columns(before))}${'^'.repeat(Math.max(1, columns(marked)))}${hint}`,
  ].join('\n')
}

/** Is this the name of something that must not be shown? Generous, because keys are misspelt. */
export function soundsSecret(key: string): boolean {
  return /pas|pwd|psw|secret|token|credential/i.test(key)
}

/** The line with secrets replaced by as many asterisks. */
export function mask(line: string): string {
  const hide = (_: string, before: string, secret: string) => before + '*'.repeat(secret.length)
  return line.replace(secretValue, hide).replace(presharedKey, hide).replace(urlPassword, hide)
}

function lineOf(text: string, line: number): string {
  return (text.split('\n', line)[line - 1] ?? '').replace(/\r$/, '')
}

function columns(text: string): number {
  return [...text].reduce((sum, character) => sum + (wide.test(character) ? 2 : 1), 0)
}
