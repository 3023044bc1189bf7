import type { Path } from '../problem.ts'
import type { Findings } from './findings.ts'

/** Names become topic levels, metric labels and words on the command line. */
export const name = /^[\p{L}\p{N}][\p{L}\p{N}_-]*$/u
export const dottedName = /^[\p{L}\p{N}][\p{L}\p{N}_.-]*$/u
export const nameLengthMax = 64

export const nameRules = 'letters, digits, _ and -, beginning with a letter or digit'

/** Checks the last step of the path. */
export function checkName(context: Findings, path: Path, allowed: RegExp): void {
  const given = String(path.at(-1))
  if (given.length > nameLengthMax) {
    context.error(path, `this name has ${given.length} characters, at most ${nameLengthMax} are allowed`, { at: 'key' })
  } else if (!allowed.test(given)) {
    const clean = given.replace(/[^\p{L}\p{N}_-]+/gu, '-').replace(/^[-_]+|-+$/g, '')
    const hint = clean === '' || clean === given ? undefined : `write ${clean}`
    context.error(path, `"${given}" cannot be a name: ${nameRules}`, { hint, at: 'key' })
  }
}
