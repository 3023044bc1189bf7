import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getJson } from '../../src/cli/client.ts'
import type { Status } from '../../src/status.ts'
import { FieldProcess } from './field-process.ts'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/tidegate.mjs', import.meta.url))

/** The agent as an operator runs it, on one configuration and state directory; started and ended at will. */
export class AgentProcess {
  readonly #folder: string
  readonly #config: string
  readonly stateDir: string
  readonly #env: NodeJS.ProcessEnv
  #process: FieldProcess | undefined

  /** `config` is the text of the configuration. The state directory is made below `folder` unless one is given. */
  constructor(
    folder: string,
    config: string,
    options: { readonly stateDir?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    this.#folder = folder
    this.#config = join(folder, 'config.yaml')
    this.stateDir = options.stateDir ?? join(folder, 'state')
    this.#env = options.env ?? {}
    mkdirSync(this.stateDir, { recursive: true })
    writeFileSync(this.#config, config)
  }

  /** Does not wait: `ready` does. */
  start(): void {
    const words = [PROGRAM, 'run', '--config', this.#config, '--state-dir', this.stateDir, '--log-level', 'debug']
    this.#process = new FieldProcess(process.execPath, words, {
      outputFile: join(this.#folder, 'agent.log'),
      env: this.#env,
    })
  }

  /** Waits until it answers. */
  async ready(): Promise<Status> {
    return await until(
      async () => {
        this.mustRun()
        return await this.status().catch(() => undefined)
      },
      { what: 'the agent to answer', timeoutMs: 20_000 },
    )
  }

  /** Throws when it has ended by itself. */
  mustRun(): void {
    if (!this.#process?.running) throw new Error(`the agent ended:\n${this.log.slice(-4000)}`)
  }

  /** What `tidegate status --json` prints. */
  async status(): Promise<Status> {
    return (await getJson(this.stateDir, '/api/v1/status')) as Status
  }

  /** Waits until the status says so, and gives it. */
  async reaches(fact: (status: Status) => boolean, options: { readonly what: string; readonly timeoutMs?: number }) {
    return await until(async () => {
      this.mustRun()
      const status = await this.status()
      return fact(status) ? status : undefined
    }, options)
  }

  /** The configuration it runs on. */
  get configFile(): string {
    return this.#config
  }

  /** Waits until it has ended by itself; resolves with the exit status. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await until(() => !this.#process?.running, { what: 'the agent to end by itself', timeoutMs: 20_000 })
    return await this.stop()
  }

  /** SIGTERM; resolves with the exit status. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    return (await this.#process?.end('SIGTERM')) ?? null
  }

  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL')
  }

  get log(): string {
    return this.#process?.output ?? ''
  }
}
