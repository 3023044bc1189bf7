import type { Value } from '../model.ts'
import { LinkError, WriteError } from './driver.ts'
import type { Poller } from './poller/poller.ts'

/** All devices of the gateway, whichever connection they are on: how a command finds its device. */
export class Fleet {
  readonly #byDevice = new Map<string, Poller>()

  constructor(pollers: readonly Poller[]) {
    for (const poller of pollers) for (const name of poller.deviceNames) this.#byDevice.set(name, poller)
  }

  isOnline(device: string): boolean {
    return this.#poller(device).isOnline(device)
  }

  /** Rejects with WriteError. */
  write(device: string, point: string, value: Value, isWanted: () => boolean): Promise<void> {
    return unsent(this.#poller(device).write(device, point, value, isWanted))
  }

  /** Resolves when the text has gone out. Rejects with WriteError. */
  send(device: string, text: string, isWanted: () => boolean): Promise<void> {
    return unsent(this.#poller(device).send(device, text, isWanted))
  }

  /** Reads points now, together. Rejects with an error that carries the short code of the first without a value. */
  async read(device: string, points: readonly string[]): Promise<readonly Value[]> {
    const samples = await this.#poller(device).readNow(device, points)
    return points.map((point) => {
      const sample = samples.find((candidate) => candidate.point === point)
      if (sample?.value !== undefined) return sample.value
      const code = sample?.error ?? 'io'
      throw new WriteError(code, `cannot read ${device}.${point}: ${code}`, { happened: 'no', retriable: true })
    })
  }

  #poller(device: string): Poller {
    const poller = this.#byDevice.get(device)
    if (!poller) throw new Error(`no such device: ${device}`)
    return poller
  }
}

/** LinkError from a poller means that the connection was down and nothing was sent. */
async function unsent(writing: Promise<void>): Promise<void> {
  try {
    await writing
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    throw new WriteError(error.code, error.message, { happened: 'no', retriable: true })
  }
}
