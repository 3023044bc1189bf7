import type { Clock } from '../../clock.ts'
import type { LineSettings } from '../../settings.ts'
import { silenceMsOf } from '../line.ts'
import { delayOf, spoil } from './fault.ts'
import { asciiDevice, type DeviceFraming, type HeardRequest, tcpDevice } from './framing.ts'
import { HalfDuplexLine } from './half-duplex.ts'
import type { SimulatedUnit } from './unit.ts'

export interface BusOptions {
  readonly framing: DeviceFraming
  readonly clock: Clock
  /** A serial line: unit 0 is everybody, and the silence between frames is kept. */
  readonly line?: LineSettings | undefined
  /** The bytes take the time they have on the line. A server in front of it asks one after the other. */
  readonly simulate?: 'shared' | 'behind-server' | undefined
  /** The exception for a unit that is not there; absent: nothing is answered. */
  readonly unknownUnit?: number | undefined
}

/** Functions that a unit carries out when everybody is spoken to (MODBUS over Serial Line V1.02, section 2.1). */
const broadcastFunctions = [5, 6, 15, 16, 22]
const BROADCAST = 0
const EXCEPTION_FLAG = 0x80
/** Header and unit of a TCP frame are longer by this than unit and checksum on the line behind the server. */
const TCP_EXTRA_BYTES = 4

/** The units of one connection, and the line between them and whoever asks. */
export class SimulatedBus {
  readonly units: ReadonlyMap<number, SimulatedUnit>
  /** Requests to units that are not there. */
  unknownUnits = 0
  broadcasts = 0
  /** Bytes that were no request. */
  noise = 0
  readonly framing: DeviceFraming
  readonly clock: Clock
  readonly #options: BusOptions
  readonly #line: HalfDuplexLine | undefined
  readonly #silenceMs: number
  readonly #startedAt: number
  readonly #closing = new AbortController()
  #turn: Promise<void> = Promise.resolve()

  constructor(units: readonly SimulatedUnit[], options: BusOptions) {
    this.units = new Map(units.map((unit) => [unit.unitId, unit]))
    this.#options = options
    this.framing = options.framing
    this.clock = options.clock
    this.#line = options.line && options.simulate ? new HalfDuplexLine(options.line, options.clock) : undefined
    // ASCII frames have a beginning and an end of their own.
    this.#silenceMs = options.line && options.framing !== asciiDevice ? silenceMsOf(options.line) : 0
    this.#startedAt = options.clock.mono()
  }

  get collisions(): number {
    return this.#line?.collisions ?? 0
  }

  /** Answers a request, now or later; what goes out is handed to `send`. */
  hear(request: HeardRequest, send: (bytes: Uint8Array) => void): void {
    if (this.#options.simulate === 'behind-server') {
      this.#turn = this.#turn.then(() => this.#onLine(request, send))
    } else if (this.#line) {
      void this.#onLine(request, send)
    } else {
      const reply = this.#process(request)
      if (reply) void this.#later(reply.afterMs + this.#silenceMs, () => send(reply.bytes))
    }
  }

  close(): void {
    this.#closing.abort()
  }

  /** With the time that request and reply take; a request that met another transmission was not understood. */
  async #onLine(request: HeardRequest, send: (bytes: Uint8Array) => void): Promise<void> {
    const { signal } = this.#closing
    const line = this.#line
    if (!line || signal.aborted) return
    const from = this.clock.mono()
    const asked = this.#onWire(request.frame)
    if (!(await line.transmit(asked, from, signal))) return
    const reply = this.#process(request)
    if (!reply) return
    const begins = line.endOf(asked, from) + this.#silenceMs + reply.afterMs
    await this.clock.wait(Math.max(0, begins - this.clock.mono()), signal)
    const sound = await line.transmit(this.#onWire(reply.bytes), begins, signal)
    const bytes = sound ? reply.bytes : this.framing.damage(reply.bytes)
    if (bytes && !signal.aborted) send(bytes)
  }

  #process(request: HeardRequest): { readonly bytes: Uint8Array; readonly afterMs: number } | undefined {
    const seconds = (this.clock.mono() - this.#startedAt) / 1000
    const { unitId, pdu, transaction } = request
    if (unitId === BROADCAST && this.#options.line) {
      this.broadcasts += 1
      if (!broadcastFunctions.includes(pdu[0] ?? 0)) return undefined
      for (const unit of this.units.values()) unit.answer(pdu, seconds)
      return undefined
    }
    const unit = this.units.get(unitId)
    if (!unit) return this.#noUnit(request)
    const fault = unit.nextFault(seconds)
    const answer = answerWith(unit, { pdu, seconds, fault })
    if (!answer) return undefined
    const sent = { reply: { unitId, pdu: answer, transaction }, request: request.frame }
    const bytes = spoil(sent, fault, this.framing)
    return bytes && { bytes, afterMs: unit.delayMs + delayOf(fault) }
  }

  #noUnit({ unitId, pdu, transaction }: HeardRequest) {
    this.unknownUnits += 1
    if (this.#options.unknownUnit === undefined) return undefined
    const refused = Uint8Array.of((pdu[0] ?? 0) | EXCEPTION_FLAG, this.#options.unknownUnit)
    return { bytes: this.framing.build({ unitId, pdu: refused, transaction }), afterMs: 0 }
  }

  #onWire(frame: Uint8Array): number {
    return this.framing === tcpDevice ? Math.max(0, frame.length - TCP_EXTRA_BYTES) : frame.length
  }

  #later(ms: number, send: () => void): Promise<void> | void {
    if (ms === 0) return send()
    const { signal } = this.#closing
    return this.clock.wait(ms, signal).then(() => (signal.aborted ? undefined : send()))
  }
}

/** What the unit says, before its fault makes something else of it; undefined: nothing, and nothing is done. */
function answerWith(
  unit: SimulatedUnit,
  asked: { pdu: Uint8Array; seconds: number; fault: SimulatedUnit['fault'] },
): Uint8Array | undefined {
  const { pdu, seconds, fault } = asked
  if (fault.kind === 'dead') {
    unit.requests += 1
    return undefined
  }
  if (fault.kind === 'exception') {
    unit.requests += 1
    unit.exceptions += 1
    return Uint8Array.of((pdu[0] ?? 0) | EXCEPTION_FLAG, fault.code)
  }
  const answer = unit.answer(pdu, seconds)
  if (((answer[0] ?? 0) & EXCEPTION_FLAG) !== 0) unit.exceptions += 1
  return answer
}
