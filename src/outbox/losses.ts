import type { NewRecord } from '../model.ts'
import type { Cursor } from './cursor.ts'
import type { GivenUp } from './given-up.ts'
import type { Ledger, LossReason } from './ledger.ts'

interface LossContext {
  readonly mono: () => number
  /** Unix ms of a stamp. */
  readonly wallOf: (boot: number, mono: number) => number
  /** Name of a configured uplink. */
  readonly nameOf: (uplink: number) => string | undefined
}

/** Books what is given up: counted for every uplink that still wanted it, and entered in the loss ledger (P4). */
export class Losses {
  readonly ledger: Ledger
  /** All uplinks with a claim, those that are absent from the configuration included. */
  readonly #cursors: () => readonly Cursor[]
  readonly #context: LossContext
  /** uplink -> reason -> records, since the agent started. */
  readonly #counts = new Map<number, Map<LossReason, number>>()

  constructor(ledger: Ledger, cursors: () => readonly Cursor[], context: LossContext) {
    this.ledger = ledger
    this.#cursors = cursors
    this.#context = context
  }

  /** Books the loss for every uplink that wanted the record and has not settled it. */
  book(record: GivenUp, reason: LossReason): void {
    for (const cursor of this.#cursors()) {
      if (cursor.isPending(record.seq, record.target)) this.bookFor(cursor, record, reason)
    }
  }

  bookFor(cursor: Cursor, record: GivenUp, reason: LossReason): void {
    cursor.account.add(record.seq, 'dropped')
    this.#count(cursor.number, reason, 1)
    this.ledger.add(cursor.number, reason, record, this.#context.mono())
  }

  /** What an uplink lost since the agent started, by reason. */
  sinceStart(uplink: number): ReadonlyMap<LossReason, number> {
    return this.#counts.get(uplink) ?? new Map()
  }

  #count(uplink: number, reason: LossReason, count: number): void {
    const counts = this.#counts.get(uplink) ?? new Map<LossReason, number>()
    this.#counts.set(uplink, counts.set(reason, (counts.get(reason) ?? 0) + count))
  }

  /** The episodes that are open, by the name of the uplink; those of uplinks that are away are left out. */
  open(): { uplink: string; reason: string; count: number }[] {
    return [...this.ledger.episodes].flatMap(({ uplink, reason, count }) => {
      const name = this.#context.nameOf(uplink)
      return name === undefined ? [] : [{ uplink: name, reason, count }]
    })
  }

  /** Books `count` records of [first, last] that are gone; which of them is not known. The stamp is of one beside them. */
  bookRange(
    cursor: Cursor,
    gone: {
      readonly first: number
      readonly last: number
      readonly count: number
      readonly boot: number
      readonly mono: number
    },
    reason: LossReason,
  ): void {
    cursor.account.add(gone.first, 'dropped', gone.count)
    this.#count(cursor.number, reason, gone.count)
    this.ledger.add(cursor.number, reason, { ...gone, seq: gone.first }, this.#context.mono())
  }

  /** Episodes that are over (all of them with `force`) as records to append. */
  ended(options: { readonly force?: boolean } = {}): NewRecord[] {
    const { mono, wallOf, nameOf } = this.#context
    return this.ledger.end(mono(), { wallOf, nameOf, ...options })
  }
}
