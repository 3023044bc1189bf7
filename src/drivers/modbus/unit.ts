/**
 * What is remembered about one unit while the connection is open, and the reads and writes that take it into account.
 */
import type { Clock } from '../../clock.ts'
import { readMaxOf } from '../../modbus-limits.ts'
import { isBitTable } from '../../point-types.ts'
import type { ModbusClient, Outcome, ReadRange } from './client.ts'
import { readFunctions } from './client.ts'
import type { ExchangeOptions, Link } from './link.ts'
import { approach, isAmbiguous, type Owed, remember, stillOwed } from './owed.ts'
import { IDENTIFICATION } from './pdu.ts'
import { Refusals } from './refusals.ts'

/**
 * After a lost reply the unit is left alone for this share of the time it was waited for, so that an ordinarily late reply
 * comes while nothing is open. It is the unit's own pause: others are served meanwhile.
 */
const QUIET_SHARE = 0.5

export interface UnitWire {
  readonly client: ModbusClient
  readonly link: Link
  readonly clock: Clock
  readonly memory: UnitMemory
}

/** What outlives a connection: on a serial line a reply may come after the port was opened anew. */
export interface UnitMemory {
  owed: readonly Owed[]
  readonly refusals: Refusals
  readonly abilities: Abilities
}

/** What a unit turned out to be able to do. */
export interface Abilities {
  /** Functions 5 and 6 are refused, 15 and 16 are not. */
  multipleOnly: boolean
  /** Function 22; absent: not known. A no is forgotten after a day. */
  maskWrite?: { readonly known: boolean; readonly since: number }
}

/** What a write needs beside its content. */
interface Care {
  /** A range that can be read, see `#write`; without one, the place itself is tried. */
  readonly probe: ReadRange | undefined
  /** Asked right before the bytes: no, and nothing is sent (WriteError `expired`). */
  readonly isWanted: (() => boolean) | undefined
}

/** `now`: a clock that never jumps, in ms. */
export function newMemory(now: () => number): UnitMemory {
  return { owed: [], refusals: new Refusals(now), abilities: { multipleOnly: false } }
}

export class Unit {
  readonly refusals: Refusals
  readonly abilities: Abilities
  readonly #id: number
  readonly #client: ModbusClient
  readonly #link: Link
  readonly #clock: Clock
  readonly #memory: UnitMemory
  #quietUntil = 0

  constructor(id: number, wire: UnitWire) {
    this.#id = id
    this.#memory = wire.memory
    this.refusals = wire.memory.refusals
    this.abilities = wire.memory.abilities
    this.#client = wire.client
    this.#link = wire.link
    this.#clock = wire.clock
  }

  /** CLOCK_MONOTONIC in ms. */
  get now(): number {
    return this.#clock.mono()
  }

  /** True when an exception may be a late one, so that nothing should be learnt from it. */
  get isDoubtful(): boolean {
    return this.#memory.owed.length > 0
  }

  /**
   * Reads a range; never takes a reply for it that a former request is owed. A unit that has always been quick and is not now
   * is asked once more and waited for in full, before anybody calls it silent.
   */
  async read(range: ReadRange, options: { readonly timeoutMs?: number } = {}): Promise<Outcome<Uint8Array>> {
    const outcome = await this.#readOnce(range, options)
    return !outcome.ok && this.#link.gaveUpEarly ? this.#readOnce(range, options) : outcome
  }

  async #readOnce(range: ReadRange, options: { readonly timeoutMs?: number }): Promise<Outcome<Uint8Array>> {
    await this.#quiet()
    const functionCode = readFunctions[range.register]
    const inDoubt = isAmbiguous(functionCode, this.#memory.owed)
    const way = approach({ functionCode, count: range.count, countMax: readMaxOf(range.register) }, this.#memory.owed)
    if (way.how !== 'compare') {
      const count = way.how === 'first' ? way.count : range.count
      const outcome = await this.#exchange({ ...range, count }, options)
      if (outcome.ok && way.how === 'first') return this.#exchange(range, options)
      if (outcome.ok || outcome.exception === undefined || !inDoubt) return outcome
    }
    // Refused, or not to be told apart: whatever came may answer an older request.
    const proof = await this.#prove(range.address, options)
    if (proof === undefined) return this.#compare(range)
    return proof.ok ? this.#exchange(range, options) : proof
  }

  /**
   * One register or bit by a function that nothing is owed for. Devices answer in order, so any answer to it, also a refusal,
   * proves that nothing older comes. Undefined: replies of every function are owed.
   */
  async #prove(address: number, options: { readonly timeoutMs?: number }): Promise<Outcome<true> | undefined> {
    const free = (['holding', 'input', 'coil', 'discrete'] as const).find(
      (register) => !isAmbiguous(readFunctions[register], this.#memory.owed),
    )
    if (free === undefined) return undefined
    const outcome = await this.#exchange({ register: free, address, count: 1 }, options)
    return outcome.ok || outcome.exception !== undefined ? { ok: true, value: true } : outcome
  }

  /** Function 43/14: a part of what the device tells about itself, as it came. */
  async identification(what: { readCode: number; objectId: number }): Promise<Outcome<Uint8Array>> {
    await this.#quiet()
    const proves = !isAmbiguous(IDENTIFICATION, this.#memory.owed)
    const outcome = await this.#client.identification(this.#id, what)
    this.#judge(outcome, { functionCode: IDENTIFICATION, bytes: 0, proves })
    return outcome
  }

  /** Function 5 or 15. */
  writeCoil(address: number, what: { on: boolean; multiple: boolean } & Care): Promise<Outcome<true>> {
    const probe = what.probe ?? ({ register: 'coil', address, count: 1 } as const)
    return this.#write(what.multiple ? 15 : 5, { probe, send: () => this.#client.writeCoil(this.#id, address, what) })
  }

  /** Function 6 or 16. */
  writeRegisters(address: number, what: { bytes: Uint8Array; multiple: boolean } & Care): Promise<Outcome<true>> {
    const probe = what.probe ?? ({ register: 'holding', address, count: 1 } as const)
    return this.#write(what.multiple ? 16 : 6, {
      probe,
      send: () => this.#client.writeRegisters(this.#id, address, what),
    })
  }

  /** Function 22: the register becomes `(register & and) | (or & ~and)`. */
  maskWrite(address: number, what: { and: number; or: number } & Care): Promise<Outcome<true>> {
    const probe = what.probe ?? ({ register: 'holding', address, count: 1 } as const)
    return this.#write(22, { probe, send: () => this.#client.maskWrite(this.#id, address, what) })
  }

  /**
   * Before a write whose confirmation could be mistaken, a read makes sure that none is owed. A device that refuses to have
   * it read proves as much, for it answers in order.
   */
  async #write(
    functionCode: number,
    { probe, send }: { readonly probe: ReadRange; readonly send: () => Promise<Outcome<true>> },
  ): Promise<Outcome<true>> {
    await this.#quiet()
    if (isAmbiguous(functionCode, this.#memory.owed)) {
      const read = await this.read(probe)
      if (!read.ok && read.exception === undefined) return { ...read, unsent: true }
      // Refused, and the refusal may itself be an old one: nothing is proved.
      if (isAmbiguous(functionCode, this.#memory.owed)) return { ok: false, code: 'foreign_reply', unsent: true }
    }
    const outcome = await send()
    this.#judge(outcome, { functionCode, bytes: 0, proves: true })
    return outcome
  }

  /** Two reads that must agree, each waiting to the deadline for a second reply. */
  async #compare(range: ReadRange): Promise<Outcome<Uint8Array>> {
    const first = await this.#exchange(range, { linger: true })
    if (!first.ok) return first
    const second = await this.#exchange(range, { linger: true })
    if (!second.ok) return second
    if (Buffer.compare(first.value, second.value) !== 0) return { ok: false, code: 'foreign_reply' }
    this.#memory.owed = []
    return second
  }

  async #exchange(range: ReadRange, options: ExchangeOptions = {}): Promise<Outcome<Uint8Array>> {
    const functionCode = readFunctions[range.register]
    const bytes = isBitTable(range.register) ? Math.ceil(range.count / 8) : range.count * 2
    const outcome = await this.#client.read(this.#id, range, options)
    this.#judge(outcome, { functionCode, bytes, proves: !options.linger })
    return outcome
  }

  /**
   * A lost reply is owed from now on; one that can be nothing but the answer proves that nothing older is. An exception
   * that may answer an older request leaves this one's own reply owed too.
   */
  #judge(outcome: Outcome<unknown>, request: { functionCode: number; bytes: number; proves: boolean }): void {
    if (this.#link.matchesTransaction) return
    const { functionCode, bytes, proves } = request
    const memory = this.#memory
    if (outcome.ok) {
      if (proves) memory.owed = []
    } else if (outcome.exception !== undefined && !isAmbiguous(functionCode, memory.owed)) {
      memory.owed = []
    } else {
      const now = this.#clock.mono()
      memory.owed = remember(memory.owed, { functionCode, bytes, since: now })
      if (outcome.exception === undefined) this.#quietUntil = now + this.#link.tookMs * QUIET_SHARE
    }
  }

  async #quiet(): Promise<void> {
    const now = this.#clock.mono()
    this.#memory.owed = stillOwed(this.#memory.owed, now)
    if (this.#quietUntil > now) await this.#clock.wait(this.#quietUntil - now)
  }
}
