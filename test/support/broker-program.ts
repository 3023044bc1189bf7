import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FieldProcess, freePort } from './field-process.ts'
import { until } from './until.ts'

/** How a broker is started in a folder of its own, on a port of 127.0.0.1 that stays the same. */
export interface BrokerRecipe {
  readonly program: string
  /** Writes what it needs into the folder; gives the words of its command line and its environment. */
  prepare(folder: string, port: number): { readonly words: readonly string[]; readonly env?: NodeJS.ProcessEnv }
  /** Does it take connections? */
  isUp(port: number): Promise<boolean>
  /** The process to kill, where it is not the one that was started. */
  pid?(folder: string): number
}

const STARTS_WITHIN_MS = 90_000

/** A broker that is a program of its own, to be ended and started again at will. What it stored stays. */
export class BrokerProgram {
  readonly port: number
  readonly folder: string
  readonly #recipe: BrokerRecipe
  #process: FieldProcess | undefined

  private constructor(recipe: BrokerRecipe, port: number) {
    this.#recipe = recipe
    this.port = port
    this.folder = mkdtempSync(join(tmpdir(), 'tidegate-broker-'))
  }

  static async start(recipe: BrokerRecipe): Promise<BrokerProgram> {
    const broker = new BrokerProgram(recipe, await freePort())
    await broker.up()
    return broker
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  async up(): Promise<void> {
    const { program, prepare, isUp } = this.#recipe
    const { words, env } = prepare(this.folder, this.port)
    const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
    const started = new FieldProcess(program, words, {
      outputFile: join(this.folder, 'output'),
      env: { ...env, PATH: path },
    })
    this.#process = started
    await until(
      () => {
        if (!started.running) throw new Error(`${program} ended: ${started.output.slice(-2000)}`)
        return isUp(this.port)
      },
      { what: `${program} taking connections`, timeoutMs: STARTS_WITHIN_MS },
    )
  }

  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const started = this.#process
    if (!started?.running) return
    const pid = this.#recipe.pid?.(this.folder)
    if (pid !== undefined) process.kill(pid, signal)
    await started.end(signal)
  }

  async close(): Promise<void> {
    await this.down('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}
