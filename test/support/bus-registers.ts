/** The registers and bits of a unit on a test bus: an oracle of its own, so that a mistake of the product cannot hide in it. */
export class BusRegisters {
  readonly unitId: number
  /** What was written so far, after each write that was carried out; the first entry is before any. */
  readonly history: ReadonlyMap<string, number>[] = [new Map()]

  constructor(unitId: number) {
    this.unitId = unitId
  }

  /** A register or bit, as it was after so many writes. Every one of every unit and table holds something else until written. */
  word(table: number, address: number, writes = this.history.length - 1): number {
    const written = this.history[writes]?.get(`${table}:${address}`)
    if (written !== undefined) return written
    const mixed = (this.unitId * 7_919 + table * 104_729 + address * 31) & 0xffff
    return table <= 2 ? (mixed >> 3) & 1 : mixed
  }

  /** Carries a request out and gives the reply (function code and data, both ways). */
  answer(pdu: Uint8Array): Uint8Array {
    const code = pdu[0] ?? 0
    const first = word(pdu, 1)
    const second = word(pdu, 3)
    switch (code) {
      case 1:
      case 2:
        return this.#bits(code, first, second)
      case 3:
      case 4:
        return this.#registers(code, first, second)
      case 5:
        this.#write(1, first, [second === 0xff00 ? 1 : 0])
        return pdu.slice(0, 5)
      case 6:
        this.#write(3, first, [second])
        return pdu.slice(0, 5)
      case 15:
        this.#write(
          1,
          first,
          Array.from({ length: second }, (_, index) => ((pdu[6 + (index >> 3)] ?? 0) >> (index & 7)) & 1),
        )
        return pdu.slice(0, 5)
      case 16:
        this.#write(
          3,
          first,
          Array.from({ length: second }, (_, index) => word(pdu, 6 + index * 2)),
        )
        return pdu.slice(0, 5)
      case 22:
        this.#write(3, first, [(this.word(3, first) & second) | (word(pdu, 5) & ~second & 0xffff)])
        return pdu.slice()
      default:
        return Uint8Array.of(code | 0x80, 1)
    }
  }

  #bits(table: number, address: number, count: number): Uint8Array {
    const data = new Uint8Array(Math.ceil(count / 8))
    for (let index = 0; index < count; index++) {
      data[index >> 3] = (data[index >> 3] ?? 0) | (this.word(table, address + index) << (index & 7))
    }
    return Uint8Array.of(table, data.length, ...data)
  }

  #registers(table: number, address: number, count: number): Uint8Array {
    const words = Array.from({ length: count }, (_, index) => this.word(table, address + index))
    return Uint8Array.of(table, count * 2, ...words.flatMap((value) => [value >> 8, value & 0xff]))
  }

  #write(table: number, address: number, words: readonly number[]): void {
    const after = new Map(this.history.at(-1))
    words.forEach((value, index) => {
      after.set(`${table}:${address + index}`, value)
    })
    this.history.push(after)
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
