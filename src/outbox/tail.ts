import type { RecordKind, Reply } from '../model.ts'

/** A record in memory that is not known to be on disk. */
export interface TailEntry {
  readonly seq: number
  readonly kind: RecordKind
  readonly source: string
  readonly body: string
  readonly mono: number
  /** Who wants it (see Audiences). */
  readonly target: number
  /** Age in ms beyond which nobody wants it late; 0: never. */
  readonly expires: number
  /** When it was appended (CLOCK_MONOTONIC, ms): its commit is due `commit_interval` later. */
  readonly appendedAt: number
  /** Uplinks that want it and have not settled it. */
  wantedBy: number
  /** It is part of a commit that is not synced yet; a second commit must not take it again. */
  committing: boolean
  /** It tells somebody that something is done, so nobody may see it before it is durable (P1). */
  readonly held: boolean
  readonly reply: Reply | undefined
}

/** Rough cost of an entry beyond its strings. */
const ENTRY_BYTES = 120

/** The newest records by seq, oldest first; contiguous unless some were given up while the disk was failing. */
export class Tail {
  #entries: TailEntry[] = []
  #contiguous = true
  /** Index of the oldest entry; what is before it has been forgotten and is cut off now and then. */
  #start = 0
  #next: number
  bytes = 0

  /** `next` is the first seq that will be issued. */
  constructor(next: number) {
    this.#next = next
  }

  get size(): number {
    return this.#entries.length - this.#start
  }

  /** The seq of the oldest entry; the next seq to be issued when there is none. */
  get first(): number {
    return this.#entries[this.#start]?.seq ?? this.#next
  }

  /** The newest seq issued. */
  get head(): number {
    return this.#next - 1
  }

  /** Appends with the next seq. */
  push(
    entry: Omit<TailEntry, 'seq' | 'committing' | 'held' | 'reply'> & Partial<Pick<TailEntry, 'held' | 'reply'>>,
  ): TailEntry {
    // Built in one literal so that all entries share one shape: this is the hottest allocation of the agent.
    const added: TailEntry = {
      seq: this.#next,
      kind: entry.kind,
      source: entry.source,
      body: entry.body,
      mono: entry.mono,
      target: entry.target,
      expires: entry.expires,
      appendedAt: entry.appendedAt,
      wantedBy: entry.wantedBy,
      committing: false,
      held: entry.held ?? false,
      reply: entry.reply,
    }
    this.#next += 1
    this.#entries.push(added)
    this.bytes += cost(added)
    return added
  }

  get(seq: number): TailEntry | undefined {
    if (!this.#contiguous) return this.#search(seq)
    const index = seq - this.first
    return index < 0 ? undefined : this.#entries[this.#start + index]
  }

  #search(seq: number): TailEntry | undefined {
    let low = this.#start
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.seq ?? 0) < seq) low = middle + 1
      else high = middle
    }
    const found = this.#entries[low]
    return found?.seq === seq ? found : undefined
  }

  /** Takes the oldest entries for which `may` holds out of memory, at most `max`, and returns them. */
  giveUp(max: number, may: (entry: TailEntry) => boolean): TailEntry[] {
    const given: TailEntry[] = []
    this.#entries = this.#entries.filter((entry, index) => {
      if (index < this.#start) return false
      if (given.length >= max || !may(entry)) return true
      given.push(entry)
      this.bytes -= cost(entry)
      return false
    })
    this.#start = 0
    this.#contiguous = false
    return given
  }

  /** Nobody wants it any more, and it need not be stored. */
  abandon(entry: TailEntry): void {
    entry.wantedBy = 0
    this.forgetSettled()
  }

  /** Entries from the oldest on. */
  *[Symbol.iterator](): Iterator<TailEntry> {
    for (let index = this.#start; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index]
      if (entry) yield entry
    }
  }

  /** What has to be stored: somebody wants it, and no commit has taken it yet. Takes it for a commit. */
  takeUnstored(): TailEntry[] {
    const taken: TailEntry[] = []
    for (let index = this.#start; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index]
      if (!entry || entry.wantedBy === 0 || entry.committing) continue
      entry.committing = true
      taken.push(entry)
    }
    return taken
  }

  /** Forgets everything through `seq` (it is stored). */
  forgetThrough(seq: number): void {
    while (this.size > 0 && this.first <= seq) this.#shift()
  }

  /** Forgets the oldest entries that nobody wants any more. */
  forgetSettled(): void {
    for (;;) {
      const oldest = this.#entries[this.#start]
      if (!oldest || oldest.wantedBy > 0) return
      this.#shift()
    }
  }

  #shift(): void {
    const oldest = this.#entries[this.#start]
    if (oldest) this.bytes -= cost(oldest)
    this.#start += 1
    if (this.size === 0) this.#contiguous = true
    if (this.#start >= 1024 && this.#start * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start)
      this.#start = 0
    }
  }
}

function cost(entry: TailEntry): number {
  const { reply } = entry
  const replyBytes = reply === undefined ? 0 : reply.topic.length + (reply.correlation?.length ?? 0)
  return entry.body.length + ENTRY_BYTES + replyBytes
}
