import type { SimulatedBus } from './bus.ts'

/**
 * Adapters and operating systems deliver a frame in pieces with pauses far longer than the silence between frames, so only
 * this long without a byte counts as the end of something that has no length of its own.
 */
const QUIET_MS = 50

/** The bytes of one client on their way to the units. */
export class RequestStream {
  readonly #bus: SimulatedBus
  readonly #send: (bytes: Uint8Array) => void
  #held: Uint8Array = new Uint8Array()
  #arrivals = 0

  constructor(bus: SimulatedBus, send: (bytes: Uint8Array) => void) {
    this.#bus = bus
    this.#send = send
  }

  /** False when the place in the stream is lost. */
  push(bytes: Uint8Array): boolean {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const sound = this.#listen(false)
    this.#arrivals += 1
    if (this.#held.length > 0) void this.#whenQuiet(this.#arrivals)
    return sound
  }

  async #whenQuiet(arrivals: number): Promise<void> {
    await this.#bus.clock.wait(QUIET_MS)
    if (arrivals === this.#arrivals) this.#listen(true)
  }

  #listen(quiet: boolean): boolean {
    const heard = this.#bus.framing.hear(this.#held, quiet)
    this.#held = heard.rest
    this.#bus.noise += heard.noise
    for (const request of heard.requests) this.#bus.hear(request, this.#send)
    return heard.broken !== true
  }
}
