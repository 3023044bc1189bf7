/** The patterns that values of commands must match. Some patterns take years to refuse some texts; nobody waits for them. */
import { createContext, Script } from 'node:vm'

/** A text that takes longer is not taken. The second try is for a machine that was busy with something else. */
const TRIES_MS = [50, 250]

const matching = new Script('pattern.test(text)')

/** The whole text must match. Throws when it is no regular expression. */
export function wholePattern(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'u')
}

/** Undefined: that takes too long to be found out. */
export function matchesPattern(pattern: RegExp, text: string): boolean | undefined {
  const context = createContext({ pattern, text })
  for (const timeout of TRIES_MS) {
    try {
      return matching.runInContext(context, { timeout }) === true
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    }
  }
  return undefined
}
