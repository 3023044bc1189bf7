import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/**
 * Where a value may be one of several things and its kind is that of one of them, what that one has to say in place of
 * "none of them": a word misspelt in a block is told at that word.
 */
export function ofTheirBranch(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.discriminator !== undefined) return [issue]
    const meant = issue.errors.filter((branch) => !branch.some(isOtherKind))
    const [branch] = meant
    if (branch === undefined || meant.length > 1) return [issue]
    return ofTheirBranch(branch.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })))
  })
}

/** Was something else written altogether: a word for a block, another word? */
function isOtherKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === 'invalid_union') return issue.errors.every((branch) => branch.some(isOtherKind))
  return issue.code === 'invalid_type' || issue.code === 'invalid_value'
}
