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

/** Columns as wide as their widest cell, two spaces between them, nothing at the line ends. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      // What stands in the last column of a row (a remark) widens no other row.
      if (column < row.length - 1 || row.length === 1)
        widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell))
    })
  }
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}
