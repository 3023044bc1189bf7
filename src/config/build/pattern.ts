import { messageOf } from '../../errors.ts'
import type { Path } from '../problem.ts'
import { anyOf, nearest } from '../suggest.ts'
import type { Findings } from './findings.ts'

/** Checks the pattern of a serial-text device: it compiles, and its named groups are the points. */
export function checkPattern(findings: Findings, path: Path, pattern: string | undefined): void {
  const place = [...path, 'pattern']
  if (pattern === undefined) {
    if (!findings.attempted(place)) {
      findings.error(path, 'missing "pattern": a regular expression with one named group per point', { at: 'key' })
    }
    return
  }
  const groups = groupsOf(pattern)
  if (!Array.isArray(groups)) {
    findings.error(place, `not a regular expression: ${groups.problem}`)
    return
  }
  const points = findings.names([...path, 'points'])
  for (const point of points) {
    if (groups.includes(point)) continue
    const near = nearest(point, groups)
    const meant = near === undefined ? '' : `; did you mean "${near}"?`
    const hint = groups.length === 0 ? `write (?<${point}>...) in the pattern` : `the pattern has ${anyOf(groups)}`
    findings.error([...path, 'points', point], `the pattern has no group "${point}"${meant}`, { hint, at: 'key' })
  }
  for (const group of groups) {
    if (!points.includes(group))
      findings.warning(place, `group "${group}" of the pattern is no point`, {
        hint: 'add the point, or write (?:...)',
      })
  }
}

/** The named groups of a regular expression, in order. */
function groupsOf(pattern: string): string[] | { readonly problem: string } {
  try {
    // An empty alternative always matches, and the match lists every named group.
    return Object.keys(new RegExp(`${pattern}|`).exec('')?.groups ?? {})
  } catch (error) {
    return { problem: messageOf(error).replace(/^Invalid regular expression: \/.*\/\w*: /s, '') }
  }
}
