/** What of a serial port switching needs; each calls back once. */
export interface SwitchedStream {
  set(lines: { rts: boolean; dtr: boolean }, callback: (error?: Error | null) => void): void
  write(bytes: Buffer, callback: (error?: Error | null) => void): unknown
  /** Calls back when the last bit has left. */
  drain(callback: (error?: Error | null) => void): void
}

/**
 * Sends through an RS-485 transceiver that the RTS line switches: to sending before the first bit, back to receiving behind
 * the last one. A reply begins 3.5 characters later at the earliest, which is the time there is for switching back.
 */
export class DirectedSender {
  readonly #stream: SwitchedStream
  readonly #whileSending: boolean
  #last: Promise<void> = Promise.resolve()

  constructor(stream: SwitchedStream, direction: 'rts' | 'rts_inverted') {
    this.#stream = stream
    this.#whileSending = direction === 'rts'
  }

  /** To receiving. Rejects when the port has no RTS line. */
  listen(): Promise<void> {
    return this.#rts(!this.#whileSending)
  }

  /** One after the other. A failure shows as no reply, and as the end of the port where that is the reason. */
  send(bytes: Uint8Array): void {
    this.#last = this.#last.then(async () => {
      try {
        await this.#rts(this.#whileSending)
        await called((done) => this.#stream.write(Buffer.from(bytes), done))
        await called((done) => this.#stream.drain(done))
      } catch {
        // the port is going: whoever waits for a reply has its deadline
      } finally {
        await this.listen().catch(() => {})
      }
    })
  }

  #rts(on: boolean): Promise<void> {
    // Every call sets all lines; DTR stays on as it is after opening.
    return called((done) => this.#stream.set({ rts: on, dtr: true }, done))
  }
}

function called(call: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))
}
