import type { Clock } from '../../src/clock.ts'
import { BusRegisters } from './bus-registers.ts'
import type { Chance } from './seeded.ts'

/** Everything that goes wrong on a line. */
export const busFaults = [
  'silent',
  'late',
  'later than any before',
  'late exception',
  'foreign unit',
  'wrong function',
  'wrong length',
  'bad checksum',
  'glued',
  'half',
  'echo',
  'noise before',
  'noise behind',
  'noise only',
] as const
export type BusFault = (typeof busFaults)[number]

export interface FaultyBusOptions {
  readonly clock: Clock
  readonly chance: Chance
  readonly unitIds: readonly number[]
  /** What the asker waits: late means later than this. */
  readonly timeoutMs: number
  /** Share of the requests that something goes wrong with. */
  readonly faulty: number
  /** A frame of the line's kind. */
  readonly frame: (unitId: number, pdu: Uint8Array) => Uint8Array
  /**
   * What is said at once, or after 1 ms, may come at any time when the machine is busy. Then nothing is said that could not be
   * told from the truth when it is late: replies that are glued come in one piece, and foreign ones are of units nobody asks.
   */
  readonly realTime?: boolean
  /** Puts bytes on the line, towards the asker. */
  readonly say: (bytes: Uint8Array) => void
}

/** However late a reply comes, it comes before this many timeouts; the asker is promised no more than a minute. */
const LATEST_TIMEOUTS = 40

/** From here on there are no units. */
const UNASKED_UNITS = 100

/** Units that answer one request after the other, as real ones do, with faults drawn by chance and counted by kind. */
export class FaultyBus {
  readonly counts = new Map<BusFault, number>(busFaults.map((fault) => [fault, 0]))
  readonly units: ReadonlyMap<number, BusRegisters>
  requests = 0
  faulty = 0
  readonly #options: FaultyBusOptions
  readonly #freeAt = new Map<number, number>()
  #latestMs: number

  constructor(options: FaultyBusOptions) {
    this.#options = options
    this.#latestMs = options.timeoutMs
    this.units = new Map(options.unitIds.map((unitId) => [unitId, new BusRegisters(unitId)]))
  }

  /** A sound request is on the line. */
  hear(unitId: number, pdu: Uint8Array): void {
    const unit = this.units.get(unitId)
    if (!unit) return
    const { chance, faulty } = this.#options
    this.requests += 1
    if (!chance.hits(faulty)) {
      this.#process(unit, this.#soon(), () => this.#sound(unit, pdu))
      return
    }
    const fault = chance.oneOf(busFaults.filter((kind) => kind !== 'echo' || !isItsOwnReply(pdu)))
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1)
    this.faulty += 1
    this.#fail(unit, pdu, fault)
  }

  #fail(unit: BusRegisters, pdu: Uint8Array, fault: BusFault): void {
    const { chance, timeoutMs, frame, say, realTime } = this.#options
    const { unitId } = unit
    switch (fault) {
      case 'silent': // heard and carried out without a word, or not heard at all
        if (chance.hits(0.5)) {
          this.#process(unit, this.#soon(), () => {
            unit.answer(pdu)
            return undefined
          })
        }
        return
      case 'late':
        this.#process(unit, timeoutMs + chance.between(1, timeoutMs), () => this.#sound(unit, pdu))
        return
      case 'later than any before':
        this.#process(unit, this.#later(), () => this.#sound(unit, pdu))
        return
      case 'late exception':
        this.#process(unit, timeoutMs + chance.between(0, 3 * timeoutMs), () =>
          frame(unitId, Uint8Array.of((pdu[0] ?? 0) | 0x80, 2)),
        )
        return
      case 'foreign unit':
        // At once: a sound frame in the name of a unit that is being asked, in answer to what it was asked, cannot be told
        // from the truth on a serial line.
        void this.#options.clock
          .wait(this.#soon())
          .then(() => say(frame(unitId + (realTime ? UNASKED_UNITS : 1), unit.answer(pdu))))
        return
      case 'echo':
        say(frame(unitId, pdu))
        this.#process(unit, this.#soon(), () => this.#sound(unit, pdu))
        return
      case 'noise before':
        say(this.#noise())
        this.#process(unit, this.#soon(), () => this.#sound(unit, pdu))
        return
      case 'noise only':
        say(this.#noise())
        return
      default:
        this.#process(unit, this.#soon(), () => this.#spoilt(unit, pdu, fault), fault === 'glued')
        return
    }
  }

  #sound(unit: BusRegisters, pdu: Uint8Array): Uint8Array {
    return this.#options.frame(unit.unitId, unit.answer(pdu))
  }

  /** A reply that comes in time and is not right. */
  #spoilt(unit: BusRegisters, pdu: Uint8Array, fault: BusFault): Uint8Array {
    const { chance, frame } = this.#options
    const reply = unit.answer(pdu)
    const sound = frame(unit.unitId, reply)
    switch (fault) {
      case 'wrong function':
        return frame(unit.unitId, Uint8Array.of(strangeFunction(reply[0] ?? 0), ...reply.subarray(1)))
      case 'wrong length':
        return frame(unit.unitId, ofStrangeLength(reply))
      case 'bad checksum': {
        const bit = chance.between(8, sound.length * 8 - 1)
        return sound.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      }
      case 'glued': {
        const last = reply.length - 1
        const other = reply.map((byte, index) => (index === last ? byte ^ 1 : byte))
        return Buffer.concat([chance.hits(0.5) ? sound : frame(unit.unitId, other), sound])
      }
      case 'half':
        return sound.subarray(0, chance.between(1, sound.length - 1))
      default:
        return Buffer.concat([sound, this.#noise()])
    }
  }

  /** A unit has one processor: a later request is never answered before an earlier one; it may be missed meanwhile. */
  #process(unit: BusRegisters, afterMs: number, act: () => Uint8Array | undefined, glued = false): void {
    const { clock, chance, say, realTime = false } = this.#options
    const now = clock.mono()
    const freeAt = this.#freeAt.get(unit.unitId) ?? 0
    if (freeAt > now && chance.hits(0.5)) return
    const at = Math.max(now + afterMs, freeAt + 2)
    this.#freeAt.set(unit.unitId, at + 1)
    const inTwo = chance.hits(0.3) && !(glued && realTime)
    void clock.wait(at - now).then(async () => {
      const bytes = act()
      if (!bytes) return
      const cut = inTwo ? chance.between(0, bytes.length) : bytes.length
      if (cut > 0) say(bytes.subarray(0, cut))
      if (cut === bytes.length) return
      await clock.wait(1)
      say(bytes.subarray(cut))
    })
  }

  #soon(): number {
    return this.#options.chance.between(1, Math.ceil(this.#options.timeoutMs / 3))
  }

  #later(): number {
    const { timeoutMs, chance } = this.#options
    this.#latestMs += chance.between(1, timeoutMs)
    if (this.#latestMs > LATEST_TIMEOUTS * timeoutMs) this.#latestMs = timeoutMs + 1
    return this.#latestMs
  }

  #noise(): Uint8Array {
    const { chance } = this.#options
    return Uint8Array.from({ length: chance.between(1, 12) }, () => chance.between(0, 255))
  }
}

/**
 * The reply to functions 5 and 6 is the request itself. A line brings back what is sent always or never; one echo out of the
 * blue, of a request the unit missed, cannot be told from its reply.
 */
function isItsOwnReply(pdu: Uint8Array): boolean {
  return pdu[0] === 5 || pdu[0] === 6 || pdu[0] === 22
}

/** A function that answers in the same form and is never asked for here: late on top, no other would be told from the truth. */
function strangeFunction(code: number): number {
  return code <= 4 ? 23 : 15
}

/** Two bytes more, or as many as no request here asks for, so that it stays wrong when it is late on top. */
function ofStrangeLength(reply: Uint8Array): Uint8Array {
  const code = reply[0] ?? 0
  const extra = code === 3 || code === 4 ? 1 : code <= 2 ? 100 : 2
  const longer = Uint8Array.of(...reply, ...new Uint8Array(extra).fill(1))
  if (code <= 4) longer[1] = (longer[1] ?? 0) + extra
  return longer
}
