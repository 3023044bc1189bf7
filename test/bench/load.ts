/** A site of load and the agent on it, as processes of their own; what the agent uses is read from /proc. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { getJson } from '../../src/cli/client.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import type { Status } from '../../src/status.ts'

const WAIT_MS = 600_000
const ASK_MS = 500

const CHECKOUT = fileURLToPath(new URL('../../bin/tidegate.mjs', import.meta.url))

export interface Load {
  readonly connections: number
  readonly devicesEach: number
  readonly pointsEach: number
}

/** The site that the design speaks of: 50 devices, 1,000 points. */
export const FULL_LOAD: Load = { connections: 10, devicesEach: 5, pointsEach: 20 }

/** Called with each request that a device gets. */
class WatchedUnit extends SimulatedUnit {
  onRequest: (() => void) | undefined

  override answer(pdu: Uint8Array, seconds: number): Uint8Array {
    this.onRequest?.()
    return super.answer(pdu, seconds)
  }
}

/** Devices of which every value changes with every reading. */
export class LoadSite {
  readonly load: Load
  readonly #units: readonly WatchedUnit[]
  readonly #server: ModbusServer

  private constructor(load: Load, units: readonly WatchedUnit[], server: ModbusServer) {
    this.load = load
    this.#units = units
    this.#server = server
  }

  static async start(load: Load): Promise<LoadSite> {
    const units = Array.from({ length: load.devicesEach * load.connections }, (_, unit) => {
      const points = Array.from({ length: load.pointsEach }, (_, address) => ({
        register: 'holding' as const,
        address,
        type: 'uint16' as const,
        value: (seconds: number) => Math.floor(seconds * 10 + unit + address) % 65_536,
      }))
      return new WatchedUnit(unit + 1, points)
    })
    return new LoadSite(load, units, await ModbusServer.start(units))
  }

  /** Asked of all devices so far. */
  get requests(): number {
    return this.#units.reduce((sum, unit) => sum + unit.requests, 0)
  }

  get port(): number {
    return this.#server.port
  }

  /** Resolves with the moment (performance.now) of the next request. */
  firstRequest(): Promise<number> {
    return new Promise((resolve) => {
      for (const unit of this.#units) unit.onRequest = () => resolve(performance.now())
    })
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  config(options: { readonly mqttPort: number; readonly outbox?: string }): string {
    const { connections, devicesEach, pointsEach } = this.load
    const wires = Array.from(
      { length: connections },
      (_, wire) => `  wire${wire}: { type: modbus-tcp, host: 127.0.0.1, port: ${this.#server.port}, timeout: 500ms }`,
    )
    const points = Array.from(
      { length: pointsEach },
      (_, address) => `      value_${address}: { address: ${address}, type: uint16 }`,
    ).join('\n')
    const devices = Array.from({ length: connections * devicesEach }, (_, unit) => {
      const wire = Math.floor(unit / devicesEach)
      const head = `  device${unit}:\n    connection: wire${wire}\n    unit_id: ${unit + 1}\n    interval: 1s\n`
      return `${head}    points:\n${points}`
    })
    return `version: 1
gateway: { id: bench, clock: trusted }
connections:
${wires.join('\n')}
devices:
${devices.join('\n')}
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${options.mqttPort}", window: 1000, backoff: { min: 200ms, max: 1s } }
outbox: { ${options.outbox ?? 'commit_interval: 1s'} }
`
  }
}

/** The agent under measurement: of the checkout, or `bin/tidegate` of an unpacked package (TIDEGATE_BENCH_PROGRAM). */
export class MeasuredAgent {
  readonly stateDir: string
  readonly #folder: string
  #child: ChildProcess | undefined

  /** `stateDir` is kept; without one, a new one is made, and removed by `remove`. */
  constructor(config: string, stateDir?: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'tidegate-load-'))
    this.stateDir = stateDir ?? join(this.#folder, 'state')
    mkdirSync(this.stateDir, { recursive: true })
    writeFileSync(join(this.#folder, 'config.yaml'), config)
  }

  start(options: { readonly environment?: NodeJS.ProcessEnv; readonly nodeOptions?: readonly string[] } = {}): void {
    const run = [
      'run',
      '--config',
      join(this.#folder, 'config.yaml'),
      '--state-dir',
      this.stateDir,
      '--log-level',
      'error',
    ]
    const packaged = process.env['TIDEGATE_BENCH_PROGRAM']
    const [program, words] =
      packaged === undefined ? [process.execPath, [...(options.nodeOptions ?? []), CHECKOUT, ...run]] : [packaged, run]
    this.#child = spawn(program, words, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...options.environment },
    })
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Resident memory in MiB. */
  get residentMiB(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1]) / 1_024
  }

  async status(): Promise<Status> {
    return (await getJson(this.stateDir, '/api/v1/status')) as Status
  }

  /** Waits until the status says so, and gives it. Asks seldom: a status of a thousand points is work for the agent. */
  async reaches(fact: (status: Status) => boolean, what: string): Promise<Status> {
    for (const deadline = performance.now() + WAIT_MS; performance.now() < deadline; await delay(ASK_MS)) {
      if (this.#child?.exitCode !== null) throw new Error(`the agent ended early, waiting for ${what}`)
      const status = await this.status().catch(() => undefined)
      if (status && fact(status)) return status
    }
    throw new Error(`waited in vain for: ${what}`)
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }

  remove(): void {
    this.#child?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What is measured: a package holds one bundle, the checkout loads every source file by itself and takes more memory. */
export function measuredProgram(): string {
  const packaged = process.env['TIDEGATE_BENCH_PROGRAM']
  const [program, words] = packaged === undefined ? [process.execPath, [CHECKOUT]] : [packaged, []]
  const version = execFileSync(program, [...words, '--version'], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
    .join(' ')
  return `${packaged ?? 'the checkout (a package: TIDEGATE_BENCH_PROGRAM=FOLDER/bin/tidegate)'}: ${version}`
}

export function middle(numbers: readonly number[]): number {
  return [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? Number.NaN
}
