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

/** The time of the oldest record that an uplink has not settled, for the status. */
export class OldestPending {
  readonly #host: OldestHost
  readonly #uplink: number
  /** The row that was looked up last. */
  #found: { readonly seq: number; readonly ts: number | undefined } = { seq: 0, ts: undefined }

  constructor(host: OldestHost, uplink: number) {
    this.#host = host
    this.#uplink = uplink
  }

  /**
   * Unix ms of the oldest record from `seq` on, the first number that is not settled; undefined when there is none, or when
   * it is not known yet: its row is then being read, for the next call.
   */
  ts(seq: number): number | undefined {
    const host = this.#host
    if (seq > host.head()) return undefined
    const entry = host.tailEntry(Math.max(seq, host.tailFirst()))
    if (seq >= host.tailFirst() || seq > host.storedThrough()) {
      return entry && host.describe({ seq, boot: host.currentBoot(), mono: entry.mono }).ts
    }
    if (this.#found.seq !== seq) this.#look(seq)
    return this.#found.ts
  }

  #look(seq: number): void {
    this.#found = { seq, ts: undefined }
    void this.#host.readPage(seq, this.#host.storedThrough(), this.#uplink, 1).then((page) => {
      const [boot, mono] = [page.boots[0], page.monos[0]]
      if (boot === undefined || mono === undefined || this.#found.seq !== seq) return
      this.#found = { seq, ts: this.#host.describe({ seq, boot, mono }).ts }
    })
  }
}
