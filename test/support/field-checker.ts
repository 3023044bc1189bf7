import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Arrival } from './checker.ts'
import { FieldProcess } from './field-process.ts'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('./field-checker.py', import.meta.url))

/** See field-checker.py. */
type Line = readonly [topic: string, payload: string] | { readonly connected: boolean }

/**
 * A subscriber that nobody here wrote (paho). Who wants to be sure that nothing passes it must not let anybody publish
 * while it is not connected.
 */
export class Checker {
  readonly #process: FieldProcess

  private constructor(folder: string, port: number, filter: string) {
    const words = [PROGRAM, String(port), filter]
    this.#process = new FieldProcess('/usr/bin/python3', words, { outputFile: join(folder, 'checker.jsonl') })
  }

  static async start(folder: string, options: { readonly port: number; readonly filter: string }): Promise<Checker> {
    const checker = new Checker(folder, options.port, options.filter)
    await checker.connected()
    return checker
  }

  /** Waits until it is subscribed (again). */
  async connected(): Promise<void> {
    await until(
      () => {
        if (!this.#process.running) throw new Error(`the checker ended: ${this.#process.output.slice(-2000)}`)
        return this.#connections().at(-1)?.connected
      },
      { what: 'the checker to be subscribed', timeoutMs: 20_000 },
    )
  }

  /** Everything that arrived, in order. */
  arrivals(): Arrival[] {
    return this.#lines().flatMap((line) => ('connected' in line ? [] : [{ topic: line[0], payload: line[1] }]))
  }

  async end(): Promise<void> {
    await this.#process.end('SIGKILL')
  }

  #connections(): { readonly connected: boolean }[] {
    return this.#lines().flatMap((line) => ('connected' in line ? [line] : []))
  }

  /** Complete lines only: it may be writing one. */
  #lines(): Line[] {
    const { output } = this.#process
    const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line)
  }
}
