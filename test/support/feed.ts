import type { RecordKind, StoredRecord } from '../../src/model.ts'
import type { Feed } from '../../src/uplink/feed.ts'

/**
 * A feed in memory that keeps count and insists on the contract: no call during a call, only what was handed out is
 * settled, and once.
 */
export class MemoryFeed implements Feed {
  paused = false
  readonly dropped = 0
  onAppend: (() => void) | undefined
  readonly records: StoredRecord[] = []
  /** Seqs the cloud took, in the order in which it was reported; each at most once. */
  readonly deliveredSeqs: number[] = []
  readonly rejectedRecords: { readonly seq: number; readonly reason: string }[] = []
  rewinds = 0
  deliveredCalls = 0
  readonly #settled = new Set<number>()
  readonly #async: boolean
  readonly #liveFirst: boolean
  #next = 0
  /** The live lane begins with this index; what is before it is backlog. */
  #liveFrom = Number.POSITIVE_INFINITY
  #liveNext = 0
  #reading = false

  /** `async`: pages come as promises, as from a table. `liveFirst`: what is appended after a rewind is in the live lane. */
  constructor(options: { async?: boolean; liveFirst?: boolean } = {}) {
    this.#async = options.async ?? false
    this.#liveFirst = options.liveFirst ?? false
  }

  get pending(): number {
    return this.records.length - this.#settled.size
  }

  append(count: number, options: Partial<StoredRecord> & { body?: string } = {}): void {
    for (let index = 0; index < count; index++) {
      const seq = this.records.length + 1
      this.records.push(record({ seq, body: `"device":"d","values":{"n":${seq}}`, ...options }))
    }
    this.onAppend?.()
  }

  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]> {
    if (this.#reading) throw new Error('next was called before the last promise had settled')
    if (!this.#async) return this.#page(max)
    this.#reading = true
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#reading = false
        resolve(this.#page(max))
      })
    })
  }

  nextLive(max: number): readonly StoredRecord[] {
    if (!this.#liveFirst) return []
    const page = this.records.slice(this.#liveNext, this.#liveNext + max)
    this.#liveNext += page.length
    return page
  }

  /** Seqs settled ahead, in order. */
  readonly spentSeqs: number[] = []

  async spend(records: readonly StoredRecord[]): Promise<void> {
    for (const one of records) this.#settle(one)
    this.spentSeqs.push(...records.map(({ seq }) => seq))
    await new Promise((resolve) => setImmediate(resolve))
  }

  hasLate(): boolean {
    return false
  }

  delivered(records: readonly StoredRecord[]): void {
    this.deliveredCalls += 1
    for (const one of records) {
      this.#settle(one)
      this.deliveredSeqs.push(one.seq)
    }
  }

  rejected(one: StoredRecord, reason: string): void {
    this.#settle(one)
    this.rejectedRecords.push({ seq: one.seq, reason })
  }

  rewind(): void {
    if (this.#reading) throw new Error('rewind was called before the last promise had settled')
    this.rewinds += 1
    this.#next = 0
    if (!this.#liveFirst) return
    this.#liveFrom = this.records.length
    this.#liveNext = this.records.length
  }

  #page(max: number): StoredRecord[] {
    const page: StoredRecord[] = []
    while (page.length < max) {
      const one = this.records[this.#next]
      if (!one || this.#next >= this.#liveFrom) break
      this.#next += 1
      if (!this.#settled.has(one.seq)) page.push(one)
    }
    return page
  }

  #settle(one: StoredRecord): void {
    if (this.records[one.seq - 1] !== one) throw new Error(`record ${one.seq} was not handed out by this feed`)
    if (this.#settled.has(one.seq)) throw new Error(`record ${one.seq} was settled twice`)
    this.#settled.add(one.seq)
  }
}

/** A data record of device "d", with whatever matters to the test. */
export function record(fields: Partial<StoredRecord> & { readonly kind?: RecordKind } = {}): StoredRecord {
  return {
    seq: 1,
    idPrefix: 'gw/1-00000000/',
    kind: 'data',
    source: 'd',
    body: '"device":"d","values":{"n":1}',
    boot: 1,
    mono: 0,
    ts: 1_763_683_200_123,
    clockKnown: true,
    late: false,
    ...fields,
  }
}
