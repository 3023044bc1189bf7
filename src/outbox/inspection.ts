import { GatewayError } from '../errors.ts'
import type { Reply, StoredRecord } from '../model.ts'
import type {
  ListedRecord,
  RecordCount,
  RecordPage,
  RecordQuery,
  RejectedQuery,
  RejectedRecord,
} from '../outbox-api.ts'
import type { Storage } from '../storage/operation.ts'
import { beforeQuestion, inspectQuestion, rejectedQuestion, tallyQuestion } from './inspect.ts'
import { type Moment, parseMoment } from './moment.ts'
import { KINDS, seekQuestion } from './operations.ts'
import { eachRow } from './page-rows.ts'
import { describe, isPending, nextPending, type Position, type View } from './view.ts'
import { refuseWhileSalvaging } from './while-salvaging.ts'

/** Records of one answer. */
const RECORDS_MAX = 1_000
const BYTES_MAX = 512 * 1024
/** Reads of one answer: where little matches, the rest is asked for again, and nobody waits long for an answer. */
const READS_MAX = 50

/** What a listing needs of a row, wherever the record is. */
type Row = Pick<StoredRecord, 'seq' | 'kind' | 'source' | 'body' | 'boot' | 'mono'> & {
  readonly target: number
  readonly reply: Reply | undefined
}

/** Answers questions about single records: of the running outbox, or of its file. */
export class Inspection {
  readonly #storage: Pick<Storage, 'read'>
  readonly #view: () => View

  /** `view` gives the outbox as it is now. */
  constructor(storage: Pick<Storage, 'read'>, view: () => View) {
    this.#storage = storage
    this.#view = view
  }

  async records(query: RecordQuery): Promise<RecordPage> {
    const from = Math.max(1, (query.after ?? 0) + 1, await this.#fromMoment(query.since, 'since'))
    const through = Math.min(query.through ?? Number.POSITIVE_INFINITY, await this.#throughMoment(query.until))
    const listing = new Listing(this.#view(), query, { from, through: Math.min(through, this.#view().head) })
    await this.#fill(listing)
    return listing.page(await this.#previousOf(listing))
  }

  async #fill(listing: Listing): Promise<void> {
    for (let reads = 0; !listing.isComplete && reads < READS_MAX; reads += 1) {
      const { from, through, kind, room } = listing
      // What is in memory is taken in the same turn in which the end of the table is known, so that nothing is missed.
      const { tailFirst } = this.#view()
      if (from >= tailFirst) {
        listing.takeTail(this.#view())
        return
      }
      const limits = { recordsMax: room, bytesMax: BYTES_MAX, ...(kind === undefined ? {} : { kind }) }
      const rows = await this.#storage.read(
        inspectQuestion({ from, through: Math.min(through, tailFirst - 1), ...limits }),
      )
      eachRow(rows, (row) => listing.take(row))
      listing.looked(rows.examined)
    }
  }

  /** The record before the first one, as the uplink would have got it. */
  async #previousOf({ reader, first }: Listing): Promise<number> {
    if (!reader || first === undefined) return 0
    const settled = reader.ranges.lastBefore(first)
    if (settled === first - 1) return settled
    return Math.max(settled, await this.#storage.read(beforeQuestion({ seq: first, uplink: reader.number })))
  }

  /** Counts what a drop would give up now. Throws GatewayError conflict during a salvage. */
  async count(query: { readonly before: string; readonly uplink?: string }): Promise<RecordCount> {
    await refuseWhileSalvaging(this.#storage, 'count records')
    const through = (await this.#fromMoment(query.before, 'before')) - 1
    const readers = readersOf(this.#view(), query.uplink)
    let counted: RecordCount = { records: 0, first: 0, last: 0 }
    const add = (seq: number) => {
      counted = { records: counted.records + 1, first: counted.first || seq, last: seq }
    }
    for (let from = 1; ; ) {
      from = Math.min(...readers.map((reader) => nextPending(reader, from)))
      const view = this.#view()
      if (from > Math.min(through, view.tailFirst - 1)) break
      const rows = await this.#storage.read(tallyQuestion({ from, through: Math.min(through, view.tailFirst - 1) }))
      rows.seqs.forEach((seq, index) => {
        const target = rows.targets[index] ?? 0
        if (view.isGone(seq) || readers.some((reader) => view.isBeingSent(reader, seq))) return
        if (readers.some((reader) => isPending(reader, seq, target))) add(seq)
      })
      from = rows.examined + 1
    }
    return counted
  }

  async rejected({ uplink, after = 0, limit = RECORDS_MAX }: RejectedQuery): Promise<readonly RejectedRecord[]> {
    const view = this.#view()
    const found: RejectedRecord[] = []
    for (const reader of readersOf(view, uplink)) {
      const recordsMax = Math.min(limit, RECORDS_MAX) - found.length
      if (recordsMax <= 0) break
      for (const row of await this.#storage.read(rejectedQuestion({ uplink: reader.number, after, recordsMax }))) {
        const { idPrefix, ts } = describe(view, row)
        const { seq, source, reason, body } = row
        const kind = KINDS[row.kind] ?? 'data'
        found.push({
          uplink: reader.name,
          seq,
          id: `${idPrefix}${seq}`,
          ts,
          kind,
          source,
          reason,
          retry: row.retry === 1,
          body,
        })
      }
    }
    return found
  }

  /** The first number that is not older than a time; the number itself when one is given. */
  async seqFrom(text: string, name: string): Promise<number> {
    return this.#seqOf(parseMoment(text, name))
  }

  /** The last number that is not younger than a time. */
  async seqThrough(text: string, name: string): Promise<number> {
    const moment = parseMoment(text, name)
    return 'seq' in moment ? moment.seq : (await this.#seqOf(moment, 1)) - 1
  }

  async #fromMoment(text: string | undefined, name: string): Promise<number> {
    return text === undefined ? 1 : this.seqFrom(text, name)
  }

  async #throughMoment(text: string | undefined): Promise<number> {
    return text === undefined ? Number.POSITIVE_INFINITY : this.seqThrough(text, 'until')
  }

  async #seqOf(moment: Moment, plusMs = 0): Promise<number> {
    if ('seq' in moment) return moment.seq
    const { boots, mono } = this.#view()
    const now = boots.wallOf(boots.current.boot, mono)
    const ts = ('ts' in moment ? moment.ts : now - moment.ageMs) + plusMs
    const row = await this.#storage.read(seekQuestion({ ts, offsets: boots.offsets() }))
    const view = this.#view()
    if (row > 0 && row < view.tailFirst) return row
    for (const entry of tailRows(view, view.tailFirst, view.head)) {
      if (boots.wallOf(boots.current.boot, entry.mono) >= ts) return entry.seq
    }
    return view.head + 1
  }
}

/** What one question is about, and what was found so far. */
class Listing {
  readonly reader: Position | undefined
  readonly kind: number | undefined
  readonly through: number
  readonly #view: View
  readonly #readers: readonly Position[]
  readonly #query: RecordQuery
  readonly #begin: number
  readonly #limit: number
  readonly #found: ListedRecord[] = []
  #next: number

  constructor(view: View, query: RecordQuery, span: { readonly from: number; readonly through: number }) {
    this.#view = view
    this.#query = query
    this.#readers = readersOf(view, query.uplink)
    this.reader = query.uplink === undefined ? undefined : this.#readers[0]
    this.kind = query.kind === undefined ? undefined : KINDS.indexOf(query.kind)
    this.#limit = Math.min(query.limit ?? RECORDS_MAX, RECORDS_MAX)
    this.through = span.through
    this.#begin = span.from
    this.#next = span.from
  }

  /** The next number to look at. */
  get from(): number {
    if (this.#query.all) return this.#next
    return Math.min(...this.#readers.map((reader) => nextPending(reader, this.#next)))
  }

  get room(): number {
    return this.#limit - this.#found.length
  }

  get isComplete(): boolean {
    return this.room <= 0 || this.from > this.through
  }

  /** Number of the first record found. */
  get first(): number | undefined {
    return this.#found[0]?.seq
  }

  take(row: Row): void {
    const waitsFor = this.#readers.filter((reader) => isPending(reader, row.seq, row.target)).map(({ name }) => name)
    if (this.#view.isGone(row.seq) || (!this.#query.all && waitsFor.length === 0)) return
    const { seq, kind, source, body, boot, mono, reply } = row
    const late = this.reader !== undefined && this.#view.isLate(this.reader, seq)
    const content = { seq, kind, source, body, boot, mono, ...(reply ? { reply } : {}) }
    this.#found.push({ ...content, ...describe(this.#view, row), late, waitsFor })
  }

  looked(through: number): void {
    this.#next = through + 1
  }

  takeTail(view: View): void {
    const kind = this.#query.kind
    for (const entry of tailRows(view, this.from, this.through)) {
      if (this.room <= 0) return
      if (kind === undefined || entry.kind === kind) this.take({ ...entry, boot: view.boots.current.boot })
      this.looked(entry.seq)
    }
    this.looked(this.through)
  }

  /** `previous`: the record before the first one, as the uplink would have got it. */
  page(previous: number): RecordPage {
    const examined = this.isComplete && this.room > 0 ? this.through : Math.min(this.#next - 1, this.through)
    const records = this.reader && this.kind === undefined ? this.#chained(this.reader, previous) : this.#found
    return { records, from: this.#begin, through: this.through, examined }
  }

  /** With `after` where it is not the number before; unknown, and left out, when only some kinds were looked at. */
  #chained(reader: Position, before: number): ListedRecord[] {
    let previous = before
    return this.#found.map((record) => {
      const after = Math.max(previous, reader.ranges.lastBefore(record.seq))
      previous = record.seq
      return after === record.seq - 1 ? record : { ...record, after }
    })
  }
}

/** Records in memory that somebody wants. */
function* tailRows(view: View, from: number, through: number) {
  for (let seq = Math.max(from, view.tailFirst); seq <= Math.min(through, view.head); seq += 1) {
    const entry = view.tailEntry(seq)
    if (entry && entry.wantedBy > 0) yield entry
  }
}

function readersOf(view: View, name: string | undefined): readonly Position[] {
  if (name === undefined) return view.positions
  const reader = view.positions.find((position) => position.name === name)
  if (reader) return [reader]
  const names = view.positions.map((position) => position.name)
  throw new GatewayError('unknown_uplink', `there is no uplink "${name}"`, {
    hint: names.length === 0 ? 'none is known' : `known: ${names.join(', ')}`,
  })
}
