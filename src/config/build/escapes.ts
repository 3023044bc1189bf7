import type { Path } from '../problem.ts'
import type { Findings } from './findings.ts'

/** In single quotes and without quotes YAML leaves a backslash as it is; that is told, since nobody means it. */
export function checkEscapes(findings: Findings, path: Path, text: string): void {
  if (!/\\[rntx0]/.test(text)) return
  const hint = `write it in double quotes: "${text}"`
  findings.error(path, 'YAML reads this as a backslash and a letter', { hint })
}

/** One character is one byte, as on the wire. */
export function checkOneByte(findings: Findings, path: Path, text: string): void {
  const foreign = [...text].find((character) => (character.codePointAt(0) ?? 0) > 0xff)
  if (foreign !== undefined) findings.error(path, `"${foreign}" is no character of one byte`)
}
