import modbusSerial from 'modbus-serial'
import type { RegisterTable } from '../../settings.ts'
import { LibraryPort } from './library-port.ts'
import type { Answer, ExchangeOptions, Link } from './link.ts'
import { exceptionOf, identificationRequest } from './pdu.ts'

type Library = InstanceType<typeof modbusSerial.default>

/** The reply's content, the device's exception, or why there is no reply. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly exception: number }
  | {
      readonly ok: false
      readonly exception?: never
      readonly code: (Answer & { ok: false })['code']
      /** The request itself never reached the wire. */
      readonly unsent?: true
    }

export interface ReadRange {
  readonly register: RegisterTable
  readonly address: number
  readonly count: number
}

/** Function codes of the four reads. */
export const readFunctions = { coil: 1, discrete: 2, holding: 3, input: 4 } as const

type Wanted = Pick<ExchangeOptions, 'isWanted'>

type Done<T> = (error: Error | null, result: T) => void

/** Modbus requests by way of modbus-serial over our own link. One at a time. */
export class ModbusClient {
  readonly #library: Library
  readonly #port = new LibraryPort()
  readonly #link: Link

  constructor(link: Link) {
    this.#link = link
    this.#library = new modbusSerial.default(this.#port)
    this.#library.open(() => {})
  }

  /** The data bytes of a read: two per register, or bits packed from the least significant one on. */
  read(unitId: number, range: ReadRange, options: ExchangeOptions = {}): Promise<Outcome<Uint8Array>> {
    const { address, count } = range
    return this.#request<{ buffer: Buffer }, Uint8Array>(
      options,
      ({ buffer }) => buffer,
      (done) => {
        switch (range.register) {
          case 'coil':
            return this.#library.writeFC1(unitId, address, count, done)
          case 'discrete':
            return this.#library.writeFC2(unitId, address, count, done)
          case 'holding':
            return this.#library.writeFC3(unitId, address, count, done)
          case 'input':
            return this.#library.writeFC4(unitId, address, count, done)
        }
      },
    )
  }

  /** Function 5, or 15 for devices that only know that one. */
  writeCoil(
    unitId: number,
    address: number,
    value: { on: boolean; multiple: boolean } & Wanted,
  ): Promise<Outcome<true>> {
    return this.#request<unknown, true>(
      { patient: true, isWanted: value.isWanted },
      () => true,
      (done) =>
        value.multiple
          ? this.#library.writeFC15(unitId, address, [value.on], done)
          : this.#library.writeFC5(unitId, address, value.on, done),
    )
  }

  /** Function 6 for one register, 16 for several or for devices that only know that one. */
  writeRegisters(
    unitId: number,
    address: number,
    value: { bytes: Uint8Array; multiple: boolean } & Wanted,
  ): Promise<Outcome<true>> {
    const words = Array.from({ length: value.bytes.length / 2 }, (_, index) => {
      return ((value.bytes[index * 2] ?? 0) << 8) | (value.bytes[index * 2 + 1] ?? 0)
    })
    const [only] = words
    return this.#request<unknown, true>(
      { patient: true, isWanted: value.isWanted },
      () => true,
      (done) =>
        only === undefined || value.multiple
          ? this.#library.writeFC16(unitId, address, words, done)
          : this.#library.writeFC6(unitId, address, only, done),
    )
  }

  /** Function 22: the register becomes `(register & and) | (or & ~and)`, which no other client can come between. */
  maskWrite(unitId: number, address: number, masks: { and: number; or: number } & Wanted): Promise<Outcome<true>> {
    return this.#request<unknown, true>(
      { patient: true, isWanted: masks.isWanted },
      () => true,
      (done) => this.#library.writeFC22(unitId, address, masks.and, masks.or, done),
    )
  }

  /**
   * Function 43/14: one part of what the device tells about itself, from `objectId` on; the value is the whole reply. Not by
   * the library: it would ask for the parts that follow by itself, past our link.
   */
  async identification(unitId: number, what: { readCode: number; objectId: number }): Promise<Outcome<Uint8Array>> {
    const pdu = identificationRequest(what.readCode, what.objectId)
    const answer = await this.#link.exchange(unitId, pdu)
    if (!answer.ok) return answer
    const exception = exceptionOf(answer.pdu)
    return exception > 0 ? { ok: false, exception } : { ok: true, value: answer.pdu }
  }

  async #request<R, T>(
    options: ExchangeOptions,
    pick: (result: R) => T,
    send: (done: Done<R>) => void,
  ): Promise<Outcome<T>> {
    let settled: { error: Error | null; result: R } | undefined
    send((error, result) => {
      settled = { error, result }
    })
    const { unitId, pdu } = this.#port.take()
    const answer = await this.#link.exchange(unitId, pdu, options)
    if (!answer.ok) return answer
    this.#port.give(unitId, answer.pdu)
    const exception = exceptionOf(answer.pdu)
    if (exception > 0) return { ok: false, exception }
    if (!settled || settled.error) {
      throw new Error('modbus-serial refused a reply that passed our checks', { cause: settled?.error })
    }
    return { ok: true, value: pick(settled.result) }
  }
}
