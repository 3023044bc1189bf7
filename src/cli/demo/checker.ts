/**
 * The cloud's side of the proof: counts from the ids alone what arrived, what came twice and what is missing. It knows
 * nothing of the gateway but the format of a record: `id` (or `record`, for outcomes) is gateway/epoch/seq, and `after`
 * names the record before when that is not seq-1.
 */
export class Checker {
  readonly #epochs = new Map<string, EpochTally>()
  messages = 0
  late = 0
  /** Outcomes of commands by state. */
  readonly outcomes = new Map<string, number>()

  /** Takes one MQTT message: a record, or an array of records. */
  take(payload: string): void {
    this.messages += 1
    const parsed = JSON.parse(payload) as WireRecord | WireRecord[]
    for (const record of Array.isArray(parsed) ? parsed : [parsed]) this.#count(record)
  }

  #count(record: WireRecord): void {
    const id = record.record ?? record.id
    const cut = id.lastIndexOf('/')
    const seq = Number(id.slice(cut + 1))
    const epoch = id.slice(0, cut)
    let tally = this.#epochs.get(epoch)
    if (!tally) {
      tally = { first: seq, last: seq, seen: new Set(), explained: new Set(), duplicates: 0, outOfOrder: 0 }
      this.#epochs.set(epoch, tally)
    }
    if (tally.seen.has(seq)) {
      tally.duplicates += 1
      return
    }
    if (seq < tally.last) tally.outOfOrder += 1
    tally.seen.add(seq)
    tally.first = Math.min(tally.first, seq)
    tally.last = Math.max(tally.last, seq)
    if (record.after !== undefined) for (let gap = record.after + 1; gap < seq; gap += 1) tally.explained.add(gap)
    if (record.late) this.late += 1
    if (record.record !== undefined)
      this.outcomes.set(record.state ?? '?', (this.outcomes.get(record.state ?? '?') ?? 0) + 1)
  }

  get records(): number {
    return this.#sum((tally) => tally.seen.size)
  }

  get duplicates(): number {
    return this.#sum((tally) => tally.duplicates)
  }

  get outOfOrder(): number {
    return this.#sum((tally) => tally.outOfOrder)
  }

  /** Highest number seen of the newest epoch. */
  get last(): number {
    return Math.max(0, ...[...this.#epochs.values()].map((tally) => tally.last))
  }

  /** Numbers between the first of each epoch and the last seen (or `through`, for the newest) that never came. */
  missing(through = 0): number {
    const epochs = [...this.#epochs.values()]
    const newest = epochs.at(-1)
    return this.#sum((tally) => {
      const last = tally === newest ? Math.max(tally.last, through) : tally.last
      let missing = 0
      for (let seq = tally.first; seq <= last; seq += 1) {
        if (!tally.seen.has(seq) && !tally.explained.has(seq)) missing += 1
      }
      return missing
    })
  }

  #sum(of: (tally: EpochTally) => number): number {
    let sum = 0
    for (const tally of this.#epochs.values()) sum += of(tally)
    return sum
  }
}

interface WireRecord {
  readonly id: string
  readonly record?: string
  readonly after?: number
  readonly late?: boolean
  readonly state?: string
}

interface EpochTally {
  first: number
  last: number
  readonly seen: Set<number>
  readonly explained: Set<number>
  duplicates: number
  outOfOrder: number
}
