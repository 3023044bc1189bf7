import { parseText, type Tree } from './document.ts'
import { ConfigInvalid, type Finding, fileProblem, type Problem, placedProblem } from './problem.ts'

/** A YAML file that can be checked further. */
export interface ParsedFile {
  readonly tree: Tree
  /** What is wrong with the text already: duplicate keys, anchors, tags. */
  readonly problems: readonly Problem[]
  /** Is something wrong at this very path already? Then it need not be told again as a wrong value. */
  isTold(finding: Finding): boolean
  /** The finding with its place in the file; `instead` names another place for it. */
  problemOf(finding: Finding, instead?: Pick<Finding, 'path' | 'at'>): Problem
}

/** Throws ConfigInvalid when the text is no YAML, or holds nothing; `file` names it in problems. */
export function parseFile(text: string, file: string): ParsedFile {
  const { tree, syntax, findings } = parseText(text)
  const broken = syntax.map((found) => placedProblem(file, text, { ...found.place, ...found, path: [] }))
  if (tree === undefined) throw new ConfigInvalid(sorted(broken))
  if (tree.value === null) throw new ConfigInvalid([fileProblem(file, 'there are only comments in this file')])
  const told = new Set(findings.map((finding) => JSON.stringify(finding.path)))
  const problemOf: ParsedFile['problemOf'] = (finding, instead = finding) =>
    placedProblem(file, text, { ...tree.place(instead.path, instead.at), ...finding })
  return {
    tree,
    problems: [...broken, ...findings.map((finding) => problemOf(finding))],
    isTold: (finding) => told.has(JSON.stringify(finding.path)),
    problemOf,
  }
}

/** In the order of the file. */
export function sorted(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}
