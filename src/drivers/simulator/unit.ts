import type { Value } from '../../model.ts'
import type { PointSettings, RegisterTable } from '../../settings.ts'
import { encode } from '../modbus/codec.ts'
import { isBitTable, widthOf } from '../modbus/registers.ts'
import { type Fault, noFault } from './fault.ts'

/** A point of a simulated unit: a fixed value, or one that changes with the seconds since the start. */
export interface SimulatedPoint
  extends Partial<Pick<PointSettings, 'byteOrder' | 'scale' | 'offset' | 'length' | 'bit'>> {
  readonly register: RegisterTable
  readonly address: number
  readonly type: PointSettings['type']
  readonly value: Value | ((seconds: number) => Value)
  readonly writable?: boolean
}

const ILLEGAL_FUNCTION = 1
const ILLEGAL_ADDRESS = 2
const ILLEGAL_VALUE = 3
const EXCEPTION_FLAG = 0x80

const readTables: Readonly<Record<number, RegisterTable>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' }

/** A Modbus unit made of declared points: answers requests as a correct device would; its faults are added on the way out. */
export class SimulatedUnit {
  readonly unitId: number
  fault: Fault = noFault
  /** Requests it was asked, whatever became of them. */
  requests = 0
  readonly #points: readonly SimulatedPoint[]
  readonly #words = new Map<string, number>()
  readonly #writable = new Set<string>()

  constructor(unitId: number, points: readonly SimulatedPoint[]) {
    this.unitId = unitId
    this.#points = points
    for (const point of points) {
      this.#put(point, 0)
      if (point.writable) for (const key of this.#keysOf(point)) this.#writable.add(key)
    }
  }

  /** The reply of a sound device to a request (function code and data, both ways). */
  answer(pdu: Uint8Array, seconds: number): Uint8Array {
    this.requests += 1
    for (const point of this.#points) if (typeof point.value === 'function') this.#put(point, seconds)
    const functionCode = pdu[0] ?? 0
    try {
      return this.#reply(functionCode, pdu)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return Uint8Array.of(functionCode | EXCEPTION_FLAG, error.exception)
    }
  }

  /** A register or bit as it stands. */
  word(table: RegisterTable, address: number): number | undefined {
    return this.#words.get(`${table}:${address}`)
  }

  setWord(table: RegisterTable, address: number, word: number): void {
    this.#words.set(`${table}:${address}`, word)
  }

  #reply(functionCode: number, pdu: Uint8Array): Uint8Array {
    const view = new DataView(pdu.buffer, pdu.byteOffset, pdu.length)
    const table = readTables[functionCode]
    if (table) return this.#read(functionCode, table, { address: view.getUint16(1), count: view.getUint16(3) })
    const address = view.getUint16(1)
    switch (functionCode) {
      case 5:
        if (view.getUint16(3) !== 0xff00 && view.getUint16(3) !== 0) throw new Refusal(ILLEGAL_VALUE)
        this.#write('coil', address, [view.getUint16(3) === 0xff00 ? 1 : 0])
        return pdu.slice(0, 5)
      case 6:
        this.#write('holding', address, [view.getUint16(3)])
        return pdu.slice(0, 5)
      case 15: {
        const bits = Array.from({ length: view.getUint16(3) }, (_, index) => {
          return ((pdu[6 + (index >> 3)] ?? 0) >> (index & 7)) & 1
        })
        this.#write('coil', address, bits)
        return pdu.slice(0, 5)
      }
      case 16:
        this.#write(
          'holding',
          address,
          Array.from({ length: view.getUint16(3) }, (_, index) => view.getUint16(6 + index * 2)),
        )
        return pdu.slice(0, 5)
      default:
        throw new Refusal(ILLEGAL_FUNCTION)
    }
  }

  #read(functionCode: number, table: RegisterTable, range: { address: number; count: number }): Uint8Array {
    const bits = isBitTable(table)
    if (range.count < 1 || range.count > (bits ? 2000 : 125)) throw new Refusal(ILLEGAL_VALUE)
    const words = Array.from({ length: range.count }, (_, index) => {
      const word = this.word(table, range.address + index)
      if (word === undefined) throw new Refusal(ILLEGAL_ADDRESS)
      return word
    })
    const data = new Uint8Array(bits ? Math.ceil(words.length / 8) : words.length * 2)
    words.forEach((word, index) => {
      if (bits) data[index >> 3] = (data[index >> 3] ?? 0) | (word << (index & 7))
      else data.set([word >> 8, word & 0xff], index * 2)
    })
    return Uint8Array.of(functionCode, data.length, ...data)
  }

  #write(table: RegisterTable, address: number, words: readonly number[]): void {
    const keys = words.map((_, index) => `${table}:${address + index}`)
    if (!keys.every((key) => this.#writable.has(key))) throw new Refusal(ILLEGAL_ADDRESS)
    keys.forEach((key, index) => {
      this.#words.set(key, words[index] ?? 0)
    })
  }

  #put(point: SimulatedPoint, seconds: number): void {
    const value = typeof point.value === 'function' ? point.value(seconds) : point.value
    if (isBitTable(point.register)) {
      this.setWord(point.register, point.address, value ? 1 : 0)
      return
    }
    const bytes = encode(settingsOf(point), value)
    for (let index = 0; index < bytes.length; index += 2) {
      this.setWord(point.register, point.address + index / 2, ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0))
    }
  }

  #keysOf(point: SimulatedPoint): readonly string[] {
    return Array.from(
      { length: widthOf(settingsOf(point)) },
      (_, index) => `${point.register}:${point.address + index}`,
    )
  }
}

class Refusal extends Error {
  readonly exception: number
  constructor(exception: number) {
    super(`exception ${exception}`)
    this.exception = exception
  }
}

function settingsOf(point: SimulatedPoint): PointSettings {
  return {
    name: `${point.register} ${point.address}`,
    type: point.type,
    access: 'rw',
    intervalMs: 0,
    register: point.register,
    address: point.address,
    byteOrder: point.byteOrder ?? 'ABCD',
    bit: point.bit ?? 0,
    length: point.length ?? 1,
    scale: point.scale ?? 1,
    offset: point.offset ?? 0,
    invalid: [],
    kind: 'gauge',
  }
}
