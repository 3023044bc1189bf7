import { createInterface } from 'node:readline/promises'
import { GatewayError } from '../errors.ts'

/**
 * Asks on the terminal before something cannot be undone. True for yes. Where nobody can answer, `--yes` is demanded
 * (GatewayError usage).
 */
export async function confirmed(question: string, options: { readonly yes: boolean }): Promise<boolean> {
  if (options.yes) return true
  if (!process.stdin.isTTY) {
    throw new GatewayError('usage', `${question} Nobody can be asked here`, { hint: 'the same with --yes' })
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}
