import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))
export const tidegate = join(repository, 'bin', 'tidegate.mjs')

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<Ended>
}

interface StartOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

/** A program of its own; killed when the test ends. */
export function start(test: TestContext, command: readonly string[], options: StartOptions = {}): Running {
  const [program = '', ...words] = command
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  test.after(() => child.kill('SIGKILL'))
  return { child, stdout: () => stdout, stderr: () => stderr, ended }
}

/** `tidegate WORDS` from the checkout, until it ends. */
export function runTidegate(test: TestContext, words: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return start(test, [process.execPath, tidegate, ...words], options).ended
}

/** An empty folder that is gone after the test. Short, because unix sockets go into it. */
export function emptyFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tg-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
