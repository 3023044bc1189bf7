import { GatewayError, messageOf } from '../errors.ts'
import { isJournal } from '../log.ts'

/** Message, then hint; the stack only for those who ask. On standard error. */
export function printError(error: unknown, options: { readonly debug: boolean }): void {
  const lines = [`Error: ${messageOf(error)}`, ...hint(error, options.debug)]
  if (options.debug) lines.push(String(error instanceof Error ? error.stack : error))
  // In the journal an error must be found as one: journalctl -u tidegate -p warning
  const priority = isJournal(process.env['JOURNAL_STREAM'], 2) ? '<3>' : ''
  for (const line of lines.join('\n').split('\n')) console.error(`${priority}${line}`)
}

function hint(error: unknown, debug: boolean): string[] {
  if (error instanceof GatewayError) return error.hint === undefined ? [] : [`Try: ${error.hint}`]
  return debug ? [] : ['Try: the same with --debug, and report what it prints']
}
