import { spawn } from 'node:child_process'
import type { Examined } from '../storage/examine.ts'
import { formatNumberOf } from './format.ts'

/**
 * What is wrong with the copy of a database; undefined: nothing. A file that is read whole may be damaged in any way: another
 * process does it, which can be interrupted and may crash.
 */
export async function faultsOf(file: string): Promise<string | undefined> {
  const words = [process.argv[1] ?? '', 'restore', file, '--examine']
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  const status = await new Promise<number | string | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => done(code ?? signal))
  })
  if (status === 0) return undefined
  const [problem = `examining it ended with ${status}`, ...others] = problemsIn(output)
  return others.length > 0 ? `${problem}, and ${formatNumberOf(others.length, 'other fault')}` : problem
}

function problemsIn(output: string): readonly string[] {
  try {
    return (JSON.parse(output) as Examined).problems
  } catch {
    return []
  }
}
