import type { Value } from '../../model.ts'
import { isBitTable, widthOf } from '../../point-types.ts'
import type { PointSettings, RegisterTable } from '../../settings.ts'
import type { RawRange } from '../driver.ts'
import { encode } from '../modbus/encode.ts'
import { reorder } from '../modbus/registers.ts'
import type { RegisterPlace } from './answer.ts'
import { fitting } from './fitting.ts'

/** A point of a simulated unit: a fixed value, or one that changes with the seconds since the start. */
export interface SimulatedPoint
  extends Partial<
    Pick<
      PointSettings,
      'name' | 'byteOrder' | 'scale' | 'offset' | 'length' | 'bit' | 'width' | 'scaleFrom' | 'invert' | 'kind'
    >
  > {
  readonly register: RegisterTable
  readonly address: number
  readonly type: PointSettings['type']
  readonly value: Value | ((seconds: number) => Value)
  readonly writable?: boolean
}

/** The four tables of a unit: what its points put there, and what was written since. */
export class Registers {
  readonly #words = new Map<string, number>()
  readonly #writable = new Set<string>()
  readonly #points: readonly SimulatedPoint[]
  /** Points that change by themselves, by the places they take. A written point stays as it was written. */
  readonly #changing = new Map<string, SimulatedPoint[]>()
  readonly #zeroHoles: boolean

  constructor(points: readonly SimulatedPoint[], options: { readonly zeroHoles?: boolean } = {}) {
    this.#zeroHoles = options.zeroHoles ?? false
    this.#points = points
    for (const point of points) {
      this.#put(point, 0)
      for (const key of keysOf(point)) {
        if (point.writable) this.#writable.add(key)
        if (typeof point.value === 'function') this.#changing.set(key, [...(this.#changing.get(key) ?? []), point])
      }
    }
  }

  /** Registers or bits as they stand; undefined when one of them is not there. */
  read({ register, address, count }: RawRange, seconds: number): readonly number[] | undefined {
    const keys = Array.from({ length: count }, (_, index) => keyOf(register, address + index))
    const changing = new Set(keys.flatMap((key) => this.#changing.get(key) ?? []))
    for (const point of changing) this.#put(point, seconds)
    const words = keys.map((key) => this.#words.get(key) ?? (this.#zeroHoles ? 0 : undefined))
    return words.every((word) => word !== undefined) ? words : undefined
  }

  /** False, and nothing is written, when one of the places cannot be written. */
  write({ register, address }: RegisterPlace, words: readonly number[]): boolean {
    const keys = words.map((_, index) => keyOf(register, address + index))
    if (!keys.every((key) => this.#writable.has(key))) return false
    keys.forEach((key, index) => {
      this.#words.set(key, words[index] ?? 0)
      for (const point of this.#changing.get(key) ?? []) this.#hold(point)
    })
    return true
  }

  word(table: RegisterTable, address: number): number | undefined {
    return this.#words.get(keyOf(table, address))
  }

  setWord(table: RegisterTable, address: number, word: number): void {
    this.#words.set(keyOf(table, address), word)
  }

  #hold(point: SimulatedPoint): void {
    for (const key of keysOf(point)) {
      const others = (this.#changing.get(key) ?? []).filter((one) => one !== point)
      this.#changing.set(key, others)
    }
  }

  #put(point: SimulatedPoint, seconds: number): void {
    const value = typeof point.value === 'function' ? point.value(seconds) : point.value
    if (isBitTable(point.register)) {
      this.setWord(point.register, point.address, Boolean(value) === (point.invert ?? false) ? 0 : 1)
    } else if (point.type === 'bit' || point.type === 'bits') {
      this.#putBits(point, point.type === 'bit' && point.invert ? Number(!value) : Number(value))
    } else {
      const settings = settingsOf(point)
      const scaled = { ...settings, scale: settings.scale * 10 ** this.#powerOf(point, seconds) }
      const bytes = encode(scaled, fitting(scaled, value))
      for (let index = 0; index < bytes.length; index += 2) {
        this.setWord(point.register, point.address + index / 2, ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0))
      }
    }
  }

  /** Other points may have the other bits. */
  #putBits(point: SimulatedPoint, value: number): void {
    const width = point.type === 'bits' ? (point.width ?? 1) : 1
    const mask = ((1 << width) - 1) << (point.bit ?? 0)
    const swap = (word: number) => {
      const bytes = reorder(Uint8Array.of(word >> 8, word & 0xff), point.byteOrder ?? 'ABCD')
      return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
    }
    const before = swap(this.word(point.register, point.address) ?? 0)
    const after = (before & ~mask) | ((Math.round(value) << (point.bit ?? 0)) & mask)
    this.setWord(point.register, point.address, swap(after & 0xffff))
  }

  /** The power of ten that another point holds for this one. */
  #powerOf(point: SimulatedPoint, seconds: number): number {
    if (point.scaleFrom === undefined) return 0
    const power = this.#points.find(({ name }) => name === point.scaleFrom)?.value
    return Number(typeof power === 'function' ? power(seconds) : (power ?? 0))
  }
}

function keyOf(table: RegisterTable, address: number): string {
  return `${table}:${address}`
}

function keysOf(point: SimulatedPoint): readonly string[] {
  const length = widthOf(settingsOf(point))
  return Array.from({ length }, (_, index) => keyOf(point.register, point.address + index))
}

function settingsOf(point: SimulatedPoint): PointSettings {
  return {
    name: point.name ?? `${point.register} ${point.address}`,
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
    kind: point.kind ?? 'gauge',
    ...(point.width === undefined ? {} : { width: point.width }),
    ...(point.invert === undefined ? {} : { invert: point.invert }),
  }
}
