/** The patterns that values of commands must match. Some patterns take years to refuse some texts; nobody waits for them. */
import { createContext, Script } from 'node:vm'

/** A text that takes longer is not taken. The second try is for a machine that was busy with something else. */
const TRIES_MS = [50, 250]

const matching = new Script('pattern.test(text)')

/** The whole text must match. Throws when it is no regular expression. */
export function wholePattern(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'u')
}

/** Undefined: it takes too long to find out. */
export function matchesPattern(pattern: RegExp, text: string): boolean | undefined {
  const context = createContext({ pattern, text })
  for (const timeout of TRIES_MS) {
    try {
      return matching.runInContext(context, { timeout }) === true
    } catch {
      // The time is over, or it took too much memory.
    }
  }
  return undefined
}
