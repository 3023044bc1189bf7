import type { Progress, Verification, VerifiedEpoch } from '../outbox-api.ts'
import type { Storage } from '../storage/operation.ts'
import type { Counts } from './account.ts'
import { type Epoch, Epochs } from './epochs.ts'
import { tallyQuestion } from './inspect.ts'
import { Ranges } from './ranges.ts'
import { isPending, nextPending, type Position, type View } from './view.ts'
import { refuseWhileSalvaging } from './while-salvaging.ts'

interface VerifyOptions {
  readonly onProgress: Progress
  readonly hold?: () => () => void
}

/**
 * Counts again from the rows what waits, and compares with the books (P4), per uplink and epoch:
 * `issued = delivered + waiting + dropped + rejected + notWanted + skipped`
 *
 * Everything is compared as it was at the moment of the call, although records come and go meanwhile: positions, books and
 * memory are copied in one turn, newer numbers are not counted, and `hold` keeps rows from being removed until the last
 * one is counted.
 */
export async function verify(
  storage: Pick<Storage, 'read'>,
  view: View,
  options: VerifyOptions,
): Promise<Verification> {
  const release = options.hold?.()
  try {
    const moment = new Frozen(view)
    await countRows(storage, moment, options.onProgress)
    const epochs = moment.result()
    return { ok: epochs.every(({ missing }) => missing === 0), epochs, rows: moment.rows, head: moment.head }
  } finally {
    release?.()
  }
}

/**
 * The same for those who ask whether all is well. Throws GatewayError conflict during a salvage, also when the counting
 * itself came upon the damage: what is not back yet would look like lost.
 */
export async function verifyWhole(
  storage: Pick<Storage, 'read'>,
  view: View,
  options: VerifyOptions,
): Promise<Verification> {
  await refuseWhileSalvaging(storage, 'verify the books')
  const result = await verify(storage, view, options)
  if (!result.ok) await refuseWhileSalvaging(storage, 'verify the books')
  return result
}

async function countRows(storage: Pick<Storage, 'read'>, moment: Frozen, onProgress: Progress): Promise<void> {
  const through = moment.tableThrough
  for (let from = moment.nextPending(1); from <= through; ) {
    const { seqs, targets, examined } = await storage.read(tallyQuestion({ from, through }))
    for (const [index, seq] of seqs.entries()) moment.count(seq, targets[index] ?? 0)
    onProgress(examined, through)
    from = moment.nextPending(examined + 1)
  }
  onProgress(through, through)
}

interface FrozenPosition extends Position {
  readonly books: ReadonlyMap<number, Readonly<Counts>>
  /** Epoch start -> rows that wait. */
  readonly waiting: Map<number, number>
}

/** The outbox as it was in one turn of the event loop. */
class Frozen {
  readonly head: number
  /** Rows at and below this number are counted from the table. */
  readonly tableThrough: number
  readonly #positions: readonly FrozenPosition[]
  readonly #epochs: Epochs
  readonly #gone: (seq: number) => boolean
  rows = 0

  constructor(view: View) {
    this.head = view.head
    this.tableThrough = view.tailFirst - 1
    this.#epochs = new Epochs(view.epochs.all)
    this.#gone = view.goneNow()
    this.#positions = view.positions.map((position) => ({
      number: position.number,
      name: position.name,
      account: position.account,
      wantedThrough: position.wantedThrough,
      ranges: new Ranges(position.ranges.toJSON()),
      skipped: new Ranges(position.skipped.toJSON()),
      books: new Map([...position.account.entries()].map(([epoch, counts]) => [epoch, { ...counts }])),
      waiting: new Map(),
      wants: (target) => position.wants(target),
    }))
    for (let seq = view.tailFirst; seq <= view.head; seq += 1) {
      const entry = view.tailEntry(seq)
      if (entry) this.count(seq, entry.target)
    }
  }

  /** The first number from `seq` on that somebody may want. */
  nextPending(seq: number): number {
    return Math.min(...this.#positions.map((position) => nextPending(position, seq)))
  }

  count(seq: number, target: number): void {
    this.rows += 1
    if (this.#gone(seq)) return
    const epoch = this.#epochs.of(seq).start
    for (const position of this.#positions) {
      if (!isPending(position, seq, target)) continue
      position.waiting.set(epoch, (position.waiting.get(epoch) ?? 0) + 1)
    }
  }

  result(): VerifiedEpoch[] {
    return this.#positions.flatMap((position) => {
      // Rows that wait in an epoch without books would be a mistake too, and must show.
      const starts = new Set([...position.books.keys(), ...position.waiting.keys()])
      return [...starts].sort((a, b) => a - b).map((start) => this.#epoch(position, start))
    })
  }

  #epoch(position: FrozenPosition, start: number): VerifiedEpoch {
    const epoch = this.#epochs.byStart(start)
    const counts = position.books.get(start)
    const issued = epoch && counts ? this.#issued(epoch) : 0
    const { delivered = 0, dropped = 0, rejected = 0, notWanted = 0, skipped = 0 } = counts ?? {}
    const waiting = position.waiting.get(start) ?? 0
    return {
      uplink: position.name,
      epoch: epoch?.tag ?? String(start),
      issued,
      delivered,
      waiting,
      dropped,
      rejected,
      notWanted,
      skipped,
      missing: issued - delivered - waiting - dropped - rejected - notWanted - skipped,
    }
  }

  #issued(epoch: Epoch): number {
    return Math.min(this.head, this.#epochs.throughOf(epoch)) - epoch.firstSeq + 1
  }
}
