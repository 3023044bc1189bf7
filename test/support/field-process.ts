import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { until } from './until.ts'

/** A program that takes part in a test. Its output goes to a file, so that nobody has to read it for it to go on. */
export class FieldProcess {
  readonly #child: ChildProcess
  readonly #outputFile: string

  /** `env` is added to the environment. */
  constructor(
    program: string,
    words: readonly string[],
    options: { readonly outputFile: string; readonly env?: NodeJS.ProcessEnv },
  ) {
    const output = openSync(options.outputFile, 'a')
    this.#child = spawn(program, words, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...options.env },
    })
    closeSync(output)
    this.#outputFile = options.outputFile
    // A program that is missing shows as ended, with what was missing in the output of whoever waits for it.
    this.#child.on('error', () => undefined)
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  get output(): string {
    return readFileSync(this.#outputFile, 'utf8')
  }

  /** Ends it and resolves with its exit status, or the signal that ended it. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    if (this.running) this.#child.kill(signal)
    await until(() => !this.running, {
      what: `the end of process ${this.#child.pid} after ${signal}`,
      timeoutMs: 20_000,
    })
    return this.#child.signalCode ?? this.#child.exitCode
  }
}

/** A port that was free a moment ago, for programs that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('the system gave no port')
  return address.port
}

/** Waits until somebody accepts connections on the port; fails at once when the process that should has ended. */
export async function listening(port: number, by: FieldProcess): Promise<void> {
  await until(
    async () => {
      if (!by.running) throw new Error(`nobody listens on port ${port}: ${by.output.slice(-2000)}`)
      return await accepts(port)
    },
    { what: `somebody to listen on port ${port}`, timeoutMs: 20_000 },
  )
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
