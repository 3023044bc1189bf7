import type { Clock } from '../../src/clock.ts'
import { LinkError } from '../../src/drivers/driver.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import type { OpenPort, PortHandlers } from '../../src/drivers/port/port.ts'

/** A request as the units on the bus hear it. */
export interface HeardRequest {
  readonly unitId: number
  readonly pdu: Uint8Array
  /** How many requests came before. */
  readonly index: number
}

/** Bytes that appear on the line some time after the request. */
export interface Delivery {
  readonly afterMs: number
  readonly bytes: Uint8Array
}

/** What the bus does when it hears a request. */
export type Script = (request: HeardRequest) => readonly Delivery[]

/** A serial line inside the process, with whatever is on it given by a script. */
export class ScriptedBus {
  script: Script
  readonly heard: HeardRequest[] = []
  plugged = true
  opened = 0
  readonly #clock: Clock
  readonly #contentOf: (frame: Uint8Array) => { readonly unitId: number; readonly pdu: Uint8Array }
  #current: { readonly handlers: PortHandlers; readonly closed: AbortController } | undefined

  /** `contentOf` takes a request apart; by default it is an RTU frame. */
  constructor(clock: Clock, script: Script, contentOf = rtuContent) {
    this.#clock = clock
    this.#contentOf = contentOf
    this.script = script
  }

  readonly openPort: OpenPort = async (handlers) => {
    if (!this.plugged) throw new LinkError('no_such_port', 'opening the bus: no such port', { hint: 'plug it in' })
    this.opened += 1
    const closed = new AbortController()
    this.#current = { handlers, closed }
    return {
      write: (bytes) => this.#hear(bytes),
      close: async () => closed.abort(),
    }
  }

  /** Bytes on the line that nobody asked for. */
  say(bytes: Uint8Array): void {
    if (this.#current && !this.#current.closed.signal.aborted) this.#current.handlers.onData(bytes)
  }

  unplug(): void {
    this.plugged = false
    const current = this.#current
    this.#current = undefined
    if (!current || current.closed.signal.aborted) return
    current.closed.abort()
    current.handlers.onClosed(new LinkError('unplugged', 'the bus is gone'))
  }

  #hear(bytes: Uint8Array): void {
    const request = { ...this.#contentOf(bytes), index: this.heard.length }
    this.heard.push(request)
    for (const { afterMs, bytes: reply } of this.script(request)) {
      void this.#clock.wait(afterMs).then(() => this.say(reply))
    }
  }
}

function rtuContent(frame: Uint8Array) {
  return { unitId: frame[0] ?? 0, pdu: frame.slice(1, -2) }
}

/** What a Modbus ASCII request says: two digits for each byte between the colon and the end of the line. */
export function asciiContent(frame: Uint8Array) {
  const content = Buffer.from(Buffer.from(frame).toString('latin1').slice(1, -2), 'hex')
  return { unitId: content[0] ?? 0, pdu: Uint8Array.from(content.subarray(1, -1)) }
}

/** The sound reply to a read of registers whose content is given by their address. */
export function readReply(request: HeardRequest, wordAt: (address: number) => number): Uint8Array {
  const [functionCode = 0, addressHigh = 0, addressLow = 0, countHigh = 0, countLow = 0] = request.pdu
  const address = (addressHigh << 8) | addressLow
  const count = (countHigh << 8) | countLow
  const words = Array.from({ length: count }, (_, index) => wordAt(address + index))
  return rtuFrame(
    request.unitId,
    Uint8Array.of(functionCode, count * 2, ...words.flatMap((word) => [word >> 8, word & 0xff])),
  )
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}
