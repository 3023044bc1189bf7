import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'

/** A mosquitto of its own, on a port of 127.0.0.1 and in a folder that goes with it. */
export class Mosquitto {
  readonly port: number
  readonly #folder: string
  readonly #config: string
  #process: ChildProcess | undefined

  private constructor(port: number, folder: string, config: string) {
    this.port = port
    this.#folder = folder
    this.#config = config
  }

  /** `lines` are added to its configuration. */
  static async start(lines: readonly string[] = []): Promise<Mosquitto> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-mosquitto-'))
    const config = join(folder, 'mosquitto.conf')
    const text = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true', ...lines]
    writeFileSync(config, `${text.join('\n')}\n`)
    const broker = new Mosquitto(port, folder, config)
    await broker.up()
    return broker
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Starts it (again); resolves when it listens. */
  async up(): Promise<void> {
    const process = spawn('mosquitto', ['-c', this.#config], { stdio: 'ignore', env: environment() })
    this.#process = process
    await until(() => process.exitCode !== null || listens(this.port), { what: 'mosquitto listening' })
    if (process.exitCode !== null) throw new Error(`mosquitto ended with status ${process.exitCode}`)
  }

  /** Ends it with a signal; resolves when it is gone. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const process = this.#process
    if (!process || process.exitCode !== null || process.signalCode !== null) return
    const gone = new Promise((resolve) => process.once('exit', resolve))
    process.kill(signal)
    await gone
  }

  async close(): Promise<void> {
    await this.down('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Debian installs it where only root looks. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
