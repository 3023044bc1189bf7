import { type Clock, systemClock } from '../../clock.ts'
import type { LineSettings } from '../../settings.ts'
import { LinkError } from '../driver.ts'
import type { OpenPort, Port } from '../port/port.ts'
import { SimulatedBus } from './bus.ts'
import { asciiDevice, rtuDevice } from './framing.ts'
import { preciseClock } from './precise-clock.ts'
import { RequestStream } from './request-stream.ts'
import type { SimulatedUnit } from './unit.ts'

export interface SerialServerOptions {
  readonly openPort: OpenPort
  readonly frames: 'rtu' | 'ascii'
  readonly line: LineSettings
  /** The port moves bytes at once: the time they take is simulated. Default: false, a real port takes it by itself. */
  readonly simulateLine?: boolean
  readonly clock?: Clock
  /** The port is gone, or (undefined) back. */
  readonly onState?: (lost: LinkError | undefined) => void
}

const REOPEN_MS = 1_000

/** Simulated units on a serial line. A port that goes away is opened again when it is back. */
export class SerialServer {
  readonly bus: SimulatedBus
  readonly #options: SerialServerOptions
  readonly #closing = new AbortController()
  #port: Port | undefined

  private constructor(units: readonly SimulatedUnit[], options: SerialServerOptions) {
    this.#options = options
    const simulated = options.simulateLine ?? false
    this.bus = new SimulatedBus(units, {
      framing: options.frames === 'ascii' ? asciiDevice : rtuDevice,
      clock: options.clock ?? (simulated ? preciseClock : systemClock),
      line: options.line,
      simulate: simulated ? 'shared' : undefined,
    })
  }

  /** Rejects with LinkError when the port cannot be opened. */
  static async start(units: readonly SimulatedUnit[], options: SerialServerOptions): Promise<SerialServer> {
    const server = new SerialServer(units, options)
    await server.#open()
    return server
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.bus.close()
    await this.#port?.close()
  }

  async #open(): Promise<void> {
    const stream = new RequestStream(this.bus, (bytes) => this.#port?.write(bytes))
    const onData = (bytes: Uint8Array) => void stream.push(bytes)
    const onClosed = (error: LinkError) => {
      this.#port = undefined
      this.#options.onState?.(error)
      void this.#reopen()
    }
    this.#port = await this.#options.openPort({ onData, onClosed }, this.#closing.signal)
  }

  async #reopen(): Promise<void> {
    const { signal } = this.#closing
    for (;;) {
      await this.bus.clock.wait(REOPEN_MS, signal)
      if (signal.aborted) return
      try {
        await this.#open()
        this.#options.onState?.(undefined)
        return
      } catch (error) {
        if (!(error instanceof LinkError)) throw error // it is not back yet
      }
    }
  }
}
