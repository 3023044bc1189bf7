import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createConnection } from 'node:net'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from './field-process.ts'
import { lack } from './needs.ts'
import { until } from './until.ts'

const PYTHON = '/usr/bin/python3'
const PROGRAM = fileURLToPath(new URL('./modbus-server.py', import.meta.url))

/** False (and the test skipped, with the packages named) when pymodbus is not there. */
export function hasPymodbus(test: TestContext): boolean {
  const { status } = spawnSync(PYTHON, ['-c', 'import pymodbus, serial_asyncio'])
  return status === 0 || lack(test, 'python3-pymodbus python3-serial-asyncio')
}

/** A Modbus device nobody here wrote: pymodbus, unit 17. */
export class PymodbusServer {
  readonly #process: ChildProcess
  readonly port: number

  private constructor(kind: 'tcp' | 'rtu', place: string) {
    this.port = kind === 'tcp' ? Number(place) : 0
    this.#process = spawn(PYTHON, [PROGRAM, kind, place], { stdio: 'ignore' })
  }

  static async tcp(): Promise<PymodbusServer> {
    const server = new PymodbusServer('tcp', String(await freePort()))
    await until(() => accepts(server.port), { what: 'pymodbus to listen' })
    return server
  }

  /** Answers as soon as it has opened the serial port. */
  static rtu(path: string): PymodbusServer {
    return new PymodbusServer('rtu', path)
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGKILL')
    await ended
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
