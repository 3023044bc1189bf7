import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { atEnd } from './field-ending.ts'
import { freePort } from './field-process.ts'
import { lack, needs } from './needs.ts'
import { until } from './until.ts'

const SOURCE = fileURLToPath(new URL('./libmodbus-server.c', import.meta.url))

/** The compiled server of one test; undefined, and the test skipped, where libmodbus is not there. */
export function libmodbusServer(test: TestContext): LibmodbusServer | undefined {
  if (!needs(test, 'gcc', 'pkg-config')) return undefined
  let flags: string[]
  try {
    const words = ['--cflags', '--libs', 'libmodbus']
    const printed = execFileSync('pkg-config', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    flags = printed.trim().split(/\s+/)
  } catch {
    lack(test, 'libmodbus-dev')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'tg-libmodbus-'))
  atEnd(test, () => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'server')
  execFileSync('gcc', ['-O1', '-o', program, SOURCE, ...flags])
  return new LibmodbusServer(test, program)
}

/** A Modbus device nobody here wrote: libmodbus, unit 17. */
export class LibmodbusServer {
  readonly #test: TestContext
  readonly #program: string

  constructor(test: TestContext, program: string) {
    this.#test = test
    this.#program = program
  }

  /** Gives the port it listens on. */
  async tcp(): Promise<number> {
    const port = await freePort()
    this.#start('tcp', String(port))
    await until(() => accepts(port), { what: 'libmodbus to listen' })
    return port
  }

  /** Answers as soon as it has opened the serial port. */
  rtu(path: string): void {
    this.#start('rtu', path)
  }

  #start(...words: readonly string[]): void {
    const child = spawn(this.#program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
    atEnd(this.#test, () => stop(child))
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
