import { type ChildProcess, spawn } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { until } from './until.ts'

/** Two serial ports joined by a cable (socat): what goes in at one end comes out at the other. */
export class PtyCable {
  readonly near: string
  readonly far: string
  readonly #folder: string
  #socat: ChildProcess | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.near = join(folder, 'near')
    this.far = join(folder, 'far')
  }

  static async plugged(): Promise<PtyCable> {
    const cable = new PtyCable(await mkdtemp(join(tmpdir(), 'pty-')))
    await cable.plug()
    return cable
  }

  /** The ports appear under the same paths as before. */
  async plug(): Promise<void> {
    this.#socat = spawn('socat', [`pty,rawer,link=${this.near}`, `pty,rawer,link=${this.far}`], { stdio: 'ignore' })
    await until(() => isLink(this.near) && isLink(this.far), { what: 'the two ports of socat' })
  }

  /** The ports are gone, for whoever has them open too. */
  async unplug(): Promise<void> {
    const socat = this.#socat
    this.#socat = undefined
    if (!socat) return
    const ended = new Promise((resolve) => socat.once('exit', resolve))
    socat.kill()
    await ended
  }

  async close(): Promise<void> {
    await this.unplug()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Something at the far end of the cable: gets bytes, gives bytes. */
export async function attach(
  path: string,
  onData: (bytes: Buffer, send: (bytes: Uint8Array) => void) => void,
): Promise<SerialPort> {
  const port = new SerialPort({ path, baudRate: 9600, autoOpen: false, lock: false })
  port.on('error', () => {})
  port.on('data', (bytes: Buffer) => onData(bytes, (reply) => port.write(Buffer.from(reply))))
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  return port
}

export function detach(port: SerialPort): Promise<void> {
  return new Promise((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve()))
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}
