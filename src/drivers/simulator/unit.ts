import { REGISTERS_READ_MAX } from '../../modbus-limits.ts'
import type { RegisterTable } from '../../settings.ts'
import type { Fault, ScriptedFault } from '../../simulation.ts'
import { answerRequest } from './answer.ts'
import { noFault } from './fault.ts'
import { Registers, type SimulatedPoint } from './registers.ts'
import { FaultScript } from './script.ts'

export interface UnitOptions {
  readonly name?: string
  /** Texts for functions 17 and 43/14 by object id. Default: none, both are refused. */
  readonly identity?: Readonly<Record<number, string>>
  /** From the end of a request to the reply. */
  readonly delayMs?: number
  /** Default: all functions there are. */
  readonly functions?: readonly number[] | undefined
  readonly registersMax?: number
  /** Places without a point hold 0 instead of being refused. */
  readonly zeroHoles?: boolean
  readonly faults?: readonly ScriptedFault[]
}

/** A Modbus unit made of declared points: answers requests as a correct device would; its faults are added on the way out. */
export class SimulatedUnit {
  readonly unitId: number
  readonly name: string
  readonly delayMs: number
  /** Set by hand; `noFault` lets the script play. */
  fault: Fault = noFault
  /** Requests it was asked, whatever became of them. */
  requests = 0
  /** Replies that were refusals, its own and those of the fault `exception`. */
  exceptions = 0
  /** Faults played, by kind. */
  readonly faults = new Map<string, number>()
  readonly #registers: Registers
  readonly #script: FaultScript
  readonly #options: UnitOptions

  constructor(unitId: number, points: readonly SimulatedPoint[], options: UnitOptions = {}) {
    this.unitId = unitId
    this.name = options.name ?? `unit ${unitId}`
    this.delayMs = options.delayMs ?? 0
    this.#options = options
    this.#registers = new Registers(points, { zeroHoles: options.zeroHoles ?? false })
    this.#script = new FaultScript(options.faults ?? [])
  }

  /** The fault for the request that has just come. */
  nextFault(seconds: number): Fault {
    const scripted = this.#script.next(seconds * 1000)
    const fault = this.fault.kind === 'none' ? scripted : this.fault
    if (fault.kind !== 'none') this.faults.set(fault.kind, (this.faults.get(fault.kind) ?? 0) + 1)
    return fault
  }

  /** The reply of a sound device to a request (function code and data, both ways). */
  answer(pdu: Uint8Array, seconds: number): Uint8Array {
    this.requests += 1
    const { functions, identity = {}, registersMax = REGISTERS_READ_MAX } = this.#options
    return answerRequest(
      {
        functions,
        identity,
        registersMax,
        read: (range) => this.#registers.read(range, seconds),
        write: (place, words) => this.#registers.write(place, words),
      },
      pdu,
    )
  }

  /** A register or bit as it stands. */
  word(table: RegisterTable, address: number): number | undefined {
    return this.#registers.word(table, address)
  }

  setWord(table: RegisterTable, address: number, word: number): void {
    this.#registers.setWord(table, address, word)
  }
}
