import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FieldProcess, freePort, listening } from './field-process.ts'

const PROGRAM = fileURLToPath(new URL('./field-device.py', import.meta.url))

/** A device of pymodbus that counts its reads; it can go away and come back, and goes on counting. */
export class Device {
  readonly #kind: 'tcp' | 'rtu'
  readonly #place: string
  readonly #outputFile: string
  #process: FieldProcess | undefined

  private constructor(folder: string, kind: 'tcp' | 'rtu', place: string) {
    this.#kind = kind
    this.#place = place
    this.#outputFile = join(folder, `device-${kind}.jsonl`)
  }

  /** On a port of its own. */
  static async startTcp(folder: string): Promise<Device> {
    const device = new Device(folder, 'tcp', String(await freePort()))
    await device.start()
    return device
  }

  /** On a serial port. It answers when it has opened it; until then a client sees silence. */
  static async startRtu(folder: string, path: string): Promise<Device> {
    const device = new Device(folder, 'rtu', path)
    await device.start()
    return device
  }

  get port(): number {
    return Number(this.#place)
  }

  async start(): Promise<void> {
    const words = [PROGRAM, this.#kind, this.#place, String(this.#process ? (this.served().at(-1) ?? 0) : 0)]
    const started = new FieldProcess('/usr/bin/python3', words, { outputFile: this.#outputFile })
    this.#process = started
    if (this.#kind === 'tcp') await listening(this.port, started)
  }

  async end(): Promise<void> {
    await this.#process?.end('SIGKILL')
  }

  /** Every number it gave away, in order. */
  served(): number[] {
    return this.#said().flatMap(({ served }) => served ?? [])
  }

  /** Address and registers of every write, in order. */
  written(): (readonly [address: number, registers: readonly number[]])[] {
    return this.#said().flatMap(({ written }) => (written ? [written] : []))
  }

  #said(): { served?: number; written?: [number, number[]] }[] {
    const lines = (this.#process?.output ?? '').split('\n').slice(0, -1)
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { served?: number })
  }
}
