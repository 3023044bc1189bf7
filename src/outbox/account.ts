import type { Epochs } from './epochs.ts'

/**
 * The books of one uplink (P4), per epoch:
 * `issued = delivered + pending + dropped + rejected + notWanted + skipped`
 */
export interface Counts {
  delivered: number
  dropped: number
  rejected: number
  notWanted: number
  skipped: number
  /** Sent again by an operator; no part of the identity. */
  replayed: number
}

export type Settlement = Exclude<keyof Counts, 'replayed'>

export class Account {
  readonly #epochs: Epochs
  /** epoch start -> counts */
  readonly #byEpoch = new Map<number, Counts>()
  /** Epochs whose counts differ from what is stored. */
  readonly #changed = new Set<number>()
  #settled = 0
  /** What was booked since the agent started, whichever epochs it belongs to. */
  readonly sinceStart: Counts = emptyCounts()

  constructor(epochs: Epochs, stored: readonly (readonly [epoch: number, counts: Counts])[] = []) {
    this.#epochs = epochs
    for (const [epoch, counts] of stored) {
      this.#byEpoch.set(epoch, { ...counts })
      this.#settled += total(counts)
    }
  }

  /** Books `count` numbers of the epoch that issued `seq`. */
  add(seq: number, settlement: Settlement, count = 1): void {
    this.#addTo(this.#epochs.of(seq).start, settlement, count)
  }

  /** A rejected record was delivered after all. */
  forgive(seq: number): void {
    const { start } = this.#epochs.of(seq)
    this.#addTo(start, 'rejected', -1)
    this.#addTo(start, 'delivered', 1)
  }

  replayed(seq: number): void {
    const own = this.#epochs.of(seq).start
    // An uplink that began later has no books for that epoch, and must not get any: it never wanted most of it.
    const start = this.#byEpoch.has(own) ? own : this.#epochs.running.start
    this.open(start)
    const counts = this.#byEpoch.get(start)
    if (counts) counts.replayed += 1
    this.sinceStart.replayed += 1
    this.#changed.add(start)
  }

  /** Books every number of [from, to], whichever epochs issued them. */
  addRange(from: number, to: number, settlement: Settlement): void {
    this.#epochs.share(from, to, (epoch, low, high) => {
      this.#addTo(epoch.start, settlement, high - low + 1)
    })
  }

  #addTo(start: number, settlement: Settlement, count: number): void {
    let counts = this.#byEpoch.get(start)
    if (!counts) {
      counts = emptyCounts()
      this.#byEpoch.set(start, counts)
    }
    counts[settlement] += count
    this.sinceStart[settlement] += count
    this.#settled += count
    this.#changed.add(start)
  }

  /** Everything settled so far, all epochs. */
  get settled(): number {
    return this.#settled
  }

  /** Sums over all epochs. */
  totals(): Counts {
    const sums = emptyCounts()
    for (const counts of this.#byEpoch.values()) {
      for (const name of settlements) sums[name] += counts[name]
      sums.replayed += counts.replayed
    }
    return sums
  }

  /**
   * Books what is left of the epochs that ended at or below `through` as skipped. To be called when nothing that the uplink
   * wants is left there: the rest are numbers that were not stored any more when an uplink began with the oldest record.
   */
  skipRest(through: number): void {
    for (const [start, counts] of this.#byEpoch) {
      const epoch = this.#epochs.byStart(start)
      if (!epoch || this.#epochs.throughOf(epoch) > through) continue
      const rest = this.#epochs.throughOf(epoch) - epoch.firstSeq + 1 - total(counts)
      if (rest > 0) this.#addTo(start, 'skipped', rest)
    }
  }

  /** Numbers issued in the epochs this account has entries for; `head` is the newest number. */
  issued(head: number): number {
    let issued = 0
    for (const start of this.#byEpoch.keys()) {
      const epoch = this.#epochs.byStart(start)
      if (epoch) issued += Math.min(head, this.#epochs.throughOf(epoch)) - epoch.firstSeq + 1
    }
    return issued
  }

  /** Makes sure that an epoch is in the books, even with nothing settled yet. */
  open(start: number): void {
    if (this.#byEpoch.has(start)) return
    this.#byEpoch.set(start, emptyCounts())
    this.#changed.add(start)
  }

  /** The entries that changed since the last call, for the next commit. */
  takeChanged(): [epoch: number, counts: Counts][] {
    const changed = [...this.#changed].map((start): [number, Counts] => [
      start,
      { ...(this.#byEpoch.get(start) ?? emptyCounts()) },
    ])
    this.#changed.clear()
    return changed
  }

  entries(): ReadonlyMap<number, Readonly<Counts>> {
    return this.#byEpoch
  }
}

const settlements: readonly Settlement[] = ['delivered', 'dropped', 'rejected', 'notWanted', 'skipped']

function emptyCounts(): Counts {
  return { delivered: 0, dropped: 0, rejected: 0, notWanted: 0, skipped: 0, replayed: 0 }
}

function total(counts: Counts): number {
  return settlements.reduce((sum, name) => sum + counts[name], 0)
}
