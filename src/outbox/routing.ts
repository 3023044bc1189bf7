import type { NewRecord } from '../model.ts'
import { type Audiences, NOBODY } from './audiences.ts'
import type { Cursor } from './cursor.ts'

/** Decides who wants a new record. */
export class Routing {
  readonly #cursors: readonly Cursor[]
  readonly #filtered: readonly Cursor[]
  readonly #audiences: Audiences
  /** Unix ms of a stamp of this boot. */
  readonly #wallOf: (mono: number) => number

  constructor(cursors: readonly Cursor[], audiences: Audiences, wallOf: (mono: number) => number) {
    this.#cursors = cursors
    this.#filtered = cursors.filter((cursor) => cursor.filter !== undefined)
    this.#audiences = audiences
    this.#wallOf = wallOf
  }

  /** The target of a record (see Audiences); to be asked once for each. What is meant for one uplink passes its filter. */
  targetOf(record: NewRecord): number {
    if (record.to !== undefined) return this.#cursors.find((cursor) => cursor.name === record.to)?.number ?? NOBODY
    if (this.#filtered.length === 0) return 0
    const ts = this.#wallOf(record.mono)
    const without = this.#filtered.filter((cursor) => cursor.filter?.wants(record, ts) === false)
    return this.#audiences.targetOf(without.map((cursor) => cursor.number))
  }
}
