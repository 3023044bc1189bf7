import type { Path } from '../problem.ts'
import { isReference, readSecret } from '../secrets.ts'
import type { Context } from './context.ts'

/** The secret a text stands for; undefined when there is none, or it cannot be read, which is told. */
export function buildSecret(context: Context, path: Path, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const read = readSecret(text, context.host)
  if ('value' in read) return read.value
  context.error(path, read.problem, { hint: read.hint })
  return undefined
}

/** `noun` begins the sentence: "the password". */
export function warnOfPlain(
  context: Context,
  path: Path,
  options: { readonly text: string; readonly noun: string },
): void {
  if (isReference(options.text)) return
  context.warning(path, `${options.noun} stands in the file`, {
    hint: 'secret:NAME, env:NAME or file:/path keep it out',
  })
}
