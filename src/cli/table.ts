import { stripVTControlCharacters } from 'node:util'

/** Characters that take two cells of a terminal (East Asian wide and full-width, emoji), and those that take none. */
const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const none = /\p{Mn}|\p{Me}|\p{Cf}/u

/** Cells that a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(text)) {
    if (!none.test(character)) width += wide.test(character) ? 2 : 1
  }
  return width
}

/**
 * Columns as wide as their widest cell, two spaces between them, nothing at the line ends. Columns named in `right` are
 * aligned at their right: numbers.
 */
export function table(
  rows: readonly (readonly string[])[],
  options: { readonly right?: readonly number[] } = {},
): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      // What stands in the last column of a row (a remark, not a number) widens no other row.
      if (column < row.length - 1 || row.length === 1 || options.right?.includes(column))
        widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell))
    })
  }
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, options.right?.includes(column)))
      .join('  ')
      .trimEnd(),
  )
}

/** The beginning of a text, as much as so many cells hold, with … where something is missing. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 1
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns) break
    kept += character
  }
  return `${kept}…`
}

function pad(text: string, width: number, right = false): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return right ? spaces + text : text + spaces
}
