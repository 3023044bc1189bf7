import { type Clock, systemClock } from '../../clock.ts'
import { LinkError } from '../driver.ts'
import type { OpenPort, PortHandlers } from '../port/port.ts'

export interface TextPortOptions {
  readonly intervalMs: number
  readonly clock?: Clock
}

/** A serial line with a talking instrument on it, inside this process: give `open` to a driver instead of a real port. */
export class SimulatedTextPort {
  /** While true, nothing is said. */
  silent = false
  readonly #line: (seconds: number) => string
  readonly #intervalMs: number
  readonly #clock: Clock
  #plugged = true
  #current: { readonly handlers: PortHandlers; readonly closed: AbortController } | undefined

  /** `line` gives the text to send, its end included, by the seconds since the port was opened. */
  constructor(line: (seconds: number) => string, options: TextPortOptions) {
    this.#line = line
    this.#intervalMs = options.intervalMs
    this.#clock = options.clock ?? systemClock
  }

  readonly open: OpenPort = async (handlers) => {
    if (!this.#plugged) throw new LinkError('no_such_port', 'opening the simulated port: no such port')
    const closed = new AbortController()
    this.#current = { handlers, closed }
    void this.#talk(handlers, closed.signal)
    return {
      write: () => {}, // the instrument does not listen
      close: async () => closed.abort(),
    }
  }

  /** Sends bytes as they are. */
  send(text: string): void {
    if (this.#current && !this.#current.closed.signal.aborted) {
      this.#current.handlers.onData(Buffer.from(text, 'latin1'))
    }
  }

  unplug(): void {
    this.#plugged = false
    const current = this.#current
    this.#current = undefined
    if (!current || current.closed.signal.aborted) return
    current.closed.abort()
    current.handlers.onClosed(new LinkError('unplugged', 'the simulated port is gone'))
  }

  plug(): void {
    this.#plugged = true
  }

  async #talk(handlers: PortHandlers, closed: AbortSignal): Promise<void> {
    const startedAt = this.#clock.mono()
    for (;;) {
      await this.#clock.wait(this.#intervalMs, closed)
      if (closed.aborted) return
      const text = this.#line((this.#clock.mono() - startedAt) / 1000)
      if (!this.silent) handlers.onData(Buffer.from(text, 'latin1'))
    }
  }
}
