import { displayWidth } from './table.ts'

/** Cells of the terminal that every screen fits in. */
export const SCREEN_COLUMNS = 80

/** A word, with the other digits of a number and the unit that belongs to it. */
const WORD = /\s*\S+(?:(?<=\d) \d{3}(?!\d)\S*)*(?: (?:[KMGT]?i?B|ms|s|min|%)(?![\w%])\S*)?/g

/**
 * A text as lines that fit on a screen, broken at blanks; every line but the first begins with `indent`. A word that is
 * longer than that stays whole, because somebody may want to copy it.
 */
export function wrapped(text: string, indent = ''): string[] {
  const lines: string[] = []
  let line = ''
  for (const [word] of text.matchAll(WORD)) {
    if (line.trim() === '' || displayWidth(line + word) <= SCREEN_COLUMNS) line += word
    else {
      lines.push(line)
      line = `${indent}${word.trimStart()}`
    }
  }
  return [...lines, line]
}
