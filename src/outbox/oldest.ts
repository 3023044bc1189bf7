import type { StoredRecord } from '../model.ts'
import type { Page } from './operations.ts'
import type { TailEntry } from './tail.ts'

interface OldestHost {
  tailFirst(): number
  head(): number
  tailEntry(seq: number): TailEntry | undefined
  storedThrough(): number
  currentBoot(): number
  readPage(from: number, through: number, uplink: number, recordsMax?: number): Promise<Page>
  describe(entry: { seq: number; boot: number; mono: number }): Pick<StoredRecord, 'ts'>
}

interface Reader {
  readonly number: number
  wants(target: number): boolean
}

/** Rows looked at for one that the uplink wants. */
const ROWS_LOOKED_AT = 100

/** The time of the oldest record that an uplink has not settled, for the status. */
export class OldestPending {
  readonly #host: OldestHost
  readonly #uplink: Reader
  /** What was looked up last: from `seq` on nothing is wanted through `examined`, or the row behind that is of `ts`. */
  #found = { seq: 0, examined: 0, ts: undefined as number | undefined }
  #isReading = false

  constructor(host: OldestHost, uplink: Reader) {
    this.#host = host
    this.#uplink = uplink
  }

  /**
   * Unix ms of the oldest record from `seq` on, the first number that is not settled; undefined when there is none, or when
   * it is not known yet: its row is then being read, for the next call.
   */
  ts(seq: number): number | undefined {
    const host = this.#host
    if (this.#found.seq !== seq) this.#found = { seq, examined: seq - 1, ts: undefined }
    if (this.#found.ts !== undefined) return this.#found.ts
    const from = this.#found.examined + 1
    if (from >= host.tailFirst() || from > host.storedThrough()) return this.#inTail(Math.max(from, host.tailFirst()))
    if (!this.#isReading) this.#look(from)
    return undefined
  }

  #inTail(from: number): number | undefined {
    const host = this.#host
    for (let seq = from; seq <= host.head(); seq += 1) {
      const entry = host.tailEntry(seq)
      if (!entry || entry.wantedBy === 0 || !this.#uplink.wants(entry.target)) continue
      return host.describe({ seq, boot: host.currentBoot(), mono: entry.mono }).ts
    }
    return undefined
  }

  #look(from: number): void {
    const { seq } = this.#found
    const through = Math.min(this.#host.storedThrough(), this.#host.tailFirst() - 1)
    this.#isReading = true
    void this.#host.readPage(from, through, this.#uplink.number, ROWS_LOOKED_AT).then((page) => {
      this.#isReading = false
      if (this.#found.seq !== seq) return
      const [first, boot, mono] = [page.seqs[0], page.boots[0], page.monos[0]]
      const isFound = first !== undefined && boot !== undefined && mono !== undefined
      const ts = isFound ? this.#host.describe({ seq: first, boot, mono }).ts : undefined
      this.#found = { seq, examined: page.examined, ts }
    })
  }
}
