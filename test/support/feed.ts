import type { RecordKind, StoredRecord } from '../../src/model.ts'
import type { Feed } from '../../src/uplink/feed.ts'

/**
 * A feed in memory that keeps count and insists on the contract: no call during a call, only what was handed out is
 * settled, runs are consecutive.
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
  #next = 0
  #reading = false

  /** `async`: pages come as promises, as from a table. */
  constructor(options: { async?: boolean } = {}) {
    this.#async = options.async ?? false
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

  nextLive(): readonly StoredRecord[] {
    return []
  }

  async spend(records: readonly StoredRecord[]): Promise<void> {
    this.delivered(records)
  }

  hasLate(): boolean {
    return false
  }

  delivered(records: readonly StoredRecord[]): void {
    this.deliveredCalls += 1
    let before: StoredRecord | undefined
    for (const one of records) {
      if (before && one.seq !== before.seq + 1 && !this.#allSettled(before.seq + 1, one.seq)) {
        throw new Error(`delivered records are not consecutive: ${before.seq}, ${one.seq}`)
      }
      this.#settle(one)
      this.deliveredSeqs.push(one.seq)
      before = one
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
  }

  #page(max: number): StoredRecord[] {
    const page: StoredRecord[] = []
    while (page.length < max) {
      const one = this.records[this.#next]
      if (!one) break
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

  #allSettled(from: number, to: number): boolean {
    for (let seq = from; seq < to; seq++) if (!this.#settled.has(seq)) return false
    return true
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
