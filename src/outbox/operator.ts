import { GatewayError } from '../errors.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import type { Cursor } from './cursor.ts'
import type { GivenUp } from './given-up.ts'
import type { LossReason } from './ledger.ts'
import type { Losses } from './losses.ts'
import { discardOperation, type OldestRows, oldestQuestion, type RejectedChoice, retryOperation } from './operations.ts'
import { DROP_ROWS_MAX, givenUp } from './retention.ts'
import type { SnapshotMeta } from './snapshot.ts'

/** What became of a request, in records. */
export interface Done {
  readonly records: number
}

/** What it needs of the outbox. */
interface OperatorHost {
  readonly cursors: readonly Cursor[]
  readonly storedRange: { readonly first: number; readonly last: number }
  giveUp(records: readonly GivenUp[], reason: LossReason): Promise<number>
  commitWith(meta: SnapshotMeta): Promise<void>
  commitWithOperation<Result>(operation: Operation<Result>): Promise<Result>
}

/**
 * What an operator may do by hand. Every change is on disk when its promise resolves; each throws GatewayError
 * unknown_uplink for a name that nobody has.
 */
export class Operator {
  readonly #outbox: OperatorHost
  readonly #storage: Storage
  readonly #absent: Cursor[]
  readonly #losses: Losses

  constructor(
    outbox: OperatorHost,
    parts: { readonly storage: Storage; readonly absent: Cursor[]; readonly losses: Losses },
  ) {
    this.#outbox = outbox
    this.#storage = parts.storage
    this.#absent = parts.absent
    this.#losses = parts.losses
  }

  /** The uplink stays connected and takes commands, but is handed no records until `resume`, also after a restart. */
  async pause(name: string): Promise<void> {
    this.#cursor(name).setPaused(true)
    await this.#outbox.commitWith({})
  }

  async resume(name: string): Promise<void> {
    this.#cursor(name).setPaused(false)
    await this.#outbox.commitWith({})
  }

  /**
   * Gives up the claim of an uplink that is not in the configuration any more; what nobody else wants is removed. Throws
   * GatewayError still_configured. Gives how many numbers it had not settled.
   */
  async forget(name: string): Promise<Done> {
    const index = this.#absent.findIndex((cursor) => cursor.name === name)
    const cursor = this.#absent[index]
    if (!cursor) {
      this.#cursor(name)
      throw new GatewayError('still_configured', `uplink ${name} is in the configuration`, {
        hint: 'remove it there first; `outbox drop` gives up its records without removing it',
      })
    }
    this.#absent.splice(index, 1)
    this.#losses.ledger.forget(cursor.number)
    await this.#outbox.commitWith({ forgetUplinks: [cursor.number] })
    return { records: Math.max(0, cursor.account.issued(cursor.wantedThrough ?? 0) - cursor.account.settled) }
  }

  /**
   * Sends what is stored of [from, through] and the uplink does not wait for anyway, marked late, behind everything that was
   * never sent: mostly what it had, also what was issued before it began. Gives how many numbers that are: at most so many
   * records. Not for the time of a salvage, when nobody knows what will be stored.
   */
  async replay(name: string, range: { readonly from: number; readonly through: number }): Promise<Done> {
    const cursor = this.#cursor(name)
    const { first, last } = this.#outbox.storedRange
    const [low, high] = [Math.max(range.from, first, 1), Math.min(range.through, last)]
    let records = 0
    for (const [from, to] of cursor.ranges.toJSON()) {
      const [begin, end] = [Math.max(from, low), Math.min(to, high)]
      if (first === 0 || begin > end) continue
      cursor.replay.add(begin, end)
      records += end - begin + 1
    }
    await this.#outbox.commitWith({})
    cursor.onAppend?.()
    return { records }
  }

  /**
   * Gives up stored records below `seq` that wait, for one uplink or for all; counted and entered in the loss ledger. Not for
   * the time of a salvage: what is brought back afterwards would be sent all the same.
   */
  async dropBefore(seq: number, name?: string): Promise<Done> {
    const cursor = name === undefined ? undefined : this.#cursor(name)
    // What is in memory now is written while rows are given up, and is not to go with them.
    const through = Math.min(seq - 1, this.#outbox.storedRange.last)
    let records = 0
    for (let after = 0; ; ) {
      const rows: OldestRows = await this.#storage.read(
        oldestQuestion({ after, recordsMax: DROP_ROWS_MAX, kinds: 'all' }),
      )
      const count = rows.seqs.filter((one) => one <= through).length
      if (count === 0) break
      const old = givenUp(rows, count)
      if (cursor) records += this.#dropFor(cursor, old)
      else
        records += await this.#outbox.giveUp(
          old.filter((row) => this.#isWaiting(row)),
          'operator',
        )
      after = old.at(-1)?.seq ?? after
    }
    await this.#outbox.commitWith({})
    return { records }
  }

  /** Rows that all have, and are only kept for replay, stay. */
  #isWaiting(row: GivenUp): boolean {
    return [...this.#outbox.cursors, ...this.#absent].some((cursor) => cursor.mayDrop(row))
  }

  /** Consecutive rows, for one uplink alone. */
  #dropFor(cursor: Cursor, rows: readonly GivenUp[]): number {
    const skipped: [number, number][] = []
    let dropped = 0
    // Numbers in between are of no use to this uplink: skipped with the rest, they make one range and not thousands.
    let isOneRange = false
    for (const row of rows) {
      if (cursor.mayDrop(row)) {
        this.#losses.bookFor(cursor, row, 'operator')
        dropped += 1
        const last = skipped.at(-1)
        if (isOneRange && last) last[1] = row.seq
        else skipped.push([row.seq, row.seq])
        isOneRange = true
      } else if (cursor.isOutstanding(row.seq)) isOneRange = false
    }
    cursor.skip(skipped)
    return dropped
  }

  /** Rejected records are tried once more, before anything that is replayed. Gives how many. */
  async retryRejected(name: string, seqs: RejectedChoice['seqs']): Promise<Done> {
    const cursor = this.#cursor(name)
    const records = await this.#outbox.commitWithOperation(retryOperation({ uplink: cursor.number, seqs }))
    cursor.replay.addRetries()
    cursor.onAppend?.()
    return { records }
  }

  /** Rejected records are forgotten; they stay counted. Gives how many. */
  async discardRejected(name: string, seqs: RejectedChoice['seqs']): Promise<Done> {
    const { number: uplink } = this.#cursor(name)
    return { records: await this.#outbox.commitWithOperation(discardOperation({ uplink, seqs })) }
  }

  #cursor(name: string): Cursor {
    const cursor = this.#outbox.cursors.find((candidate) => candidate.name === name)
    if (cursor) return cursor
    const names = this.#outbox.cursors.map((candidate) => candidate.name).join(', ')
    throw new GatewayError('unknown_uplink', `there is no uplink "${name}"`, {
      hint: names === '' ? 'none is configured' : `configured: ${names}`,
    })
  }
}
