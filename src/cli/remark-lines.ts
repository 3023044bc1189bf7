import { wrapped } from './wrapped.ts'

/** What is wrong with the thing in the row above; no line when nothing is. */
export function remarkLines(problems: readonly string[]): string[] {
  return problems.length === 0 ? [] : wrapped(`  ! ${problems.join('; ')}`, '    ')
}
