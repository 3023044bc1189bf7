import type { StoredRecord } from '../model.ts'
import type { Operation } from '../storage/operation.ts'
import type { Cursor } from './cursor.ts'
import type { Start } from './opening.ts'
import {
  type AccountRow,
  type CommitArgs,
  type ControlRow,
  type CursorRow,
  commitOperation,
  KINDS,
  type RecordColumns,
  type RejectedRow,
} from './operations.ts'
import { replyText } from './reply.ts'
import type { Stored } from './stored.ts'
import type { Tail, TailEntry } from './tail.ts'
import { toTexts } from './texts.ts'

/** Rejected records in memory while the disk fails; the oldest are forgotten beyond that, as in the table. */
const REJECTED_WAITING_MAX = 10_000

/** What the start, an uplink that goes, or the end adds to a snapshot. */
export type SnapshotMeta = Pick<
  CommitArgs,
  'epoch' | 'newUplinks' | 'absent' | 'forget' | 'forgetAudiences' | 'renamed' | 'forgetUplinks'
>

interface SnapshotParts {
  readonly start: Start
  readonly tail: Tail
  readonly stored: Stored
  readonly cursors: readonly Cursor[]
  readonly absent: readonly Cursor[]
}

/**
 * Makes the snapshots that commits store: everything that changed since the one before, as one operation. Everything
 * issued so far is afterwards either a row or settled by every uplink that wants it.
 */
export class Snapshots {
  readonly #parts: SnapshotParts
  readonly #rejected: RejectedRow[] = []
  /** Snapshots that are not synced yet. */
  readonly #open = new Set<{ entries: readonly TailEntry[] }>()
  #retried: [uplink: number, seq: number][] = []
  /** To be called when the next snapshot is on disk. */
  #stored: (() => void)[] = []
  /** Called after the sync, with the newest number issued before and the entries that are rows now. */
  readonly #onCommitted: (head: number, entries: readonly TailEntry[]) => void

  constructor(parts: SnapshotParts, onCommitted: (head: number, entries: readonly TailEntry[]) => void) {
    this.#parts = parts
    this.#onCommitted = onCommitted
  }

  /** The next snapshot keeps it among the rejected records. */
  reject(uplink: number, record: StoredRecord, reason: string): void {
    const { seq, boot, mono, source, body } = record
    const reply = record.reply ? replyText(record.reply) : null
    if (this.#rejected.length >= REJECTED_WAITING_MAX) this.#rejected.shift()
    const kind = KINDS.indexOf(record.kind)
    this.#rejected.push({ uplink, seq, reason, kind, boot, mono: Math.floor(mono), source, body, reply })
  }

  /** `stored` is called when the next snapshot is on disk. */
  onStored(stored: () => void): void {
    this.#stored.push(stored)
  }

  /** The next snapshot removes it from the rejected records. */
  forgive(uplink: number, seq: number): void {
    this.#retried.push([uplink, seq])
  }

  /** Everything since the last call. Operations are run in the order in which they were made. */
  take(meta: SnapshotMeta = {}): Operation<void> {
    const { start, tail, stored, cursors, absent } = this.#parts
    const entries = tail.takeUnstored()
    const { boots, ledger, audiences } = start
    const removal = stored.takeRemovable(cursors, absent)
    const changes: CommitArgs = {
      ...meta,
      ...cursorRows([...cursors, ...absent]),
      ...ledger.take(),
      audiences: audiences.takeUnstored(),
      ...(boots.changed ? { boot: { ...boots.current } } : {}),
      rejected: this.#rejected.splice(0),
      retried: this.#retried,
      remove: removal.ranges,
    }
    this.#retried = []
    const whenStored = this.#stored
    this.#stored = []
    boots.changed = false
    const head = tail.head
    const last = entries.at(-1)?.seq ?? 0
    const rows = removal.ranges.some(([, through]) => through >= stored.last) ? 0 : stored.last
    const visible = Math.max(last, rows, ...cursors.map((cursor) => cursor.ranges.last))
    // The newest number may show in no row and no cursor: nobody wanted it, or it was given up. It must not return either.
    const epoch = changes.epoch ?? (visible < head ? this.epochRow(false) : undefined)
    const complete = epoch ? { ...changes, epoch: { ...epoch, through: Math.max(epoch.through, head) } } : changes
    const open = { entries: entries as readonly TailEntry[] }
    this.#open.add(open)
    const { boot } = boots.current
    // The rows are made when the job is sent, and again when it is sent again: a copy that waits with a disk that takes
    // nothing would keep what memory has no room for any more.
    const args = () => (open.entries.length > 0 ? { ...complete, rows: toColumns(open.entries, boot) } : complete)
    return commitOperation(args, (next) => {
      this.#open.delete(open)
      for (const call of whenStored) call()
      stored.removed(removal.given)
      stored.passed(removal.ranges, next)
      this.#onCommitted(head, open.entries)
    })
  }

  /** Records were given up while commits with them were under way: these need not bring them any more. */
  leaveOutGivenUp(): void {
    const { stored } = this.#parts
    for (const open of this.#open) open.entries = open.entries.filter(({ seq }) => !stored.isGone(seq))
  }

  /** The running epoch as it stands now. */
  epochRow(clean: boolean): NonNullable<CommitArgs['epoch']> {
    return { ...this.#parts.start.epochs.running, clean, through: this.#parts.tail.head }
  }
}

/** Entries of the tail as columns for the storage thread. */
function toColumns(entries: readonly TailEntry[], boot: number): RecordColumns {
  const seqs = new Float64Array(entries.length)
  const kinds = new Uint8Array(entries.length)
  const monos = new Float64Array(entries.length)
  const targets = new Float64Array(entries.length)
  const expires = new Float64Array(entries.length)
  const replies: [number, string][] = []
  // One plain loop: `from` with a function costs five times as much, on the thread that polls.
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i]
    if (!entry) continue
    seqs[i] = entry.seq
    kinds[i] = KINDS.indexOf(entry.kind)
    monos[i] = Math.floor(entry.mono)
    targets[i] = entry.target
    expires[i] = entry.expires
    if (entry.reply) replies.push([i, replyText(entry.reply)])
  }
  const boots = new Float64Array(entries.length).fill(boot)
  const columns = { seqs, kinds, boots, monos, targets, expires, ...toTexts(entries) }
  return replies.length === 0 ? columns : { ...columns, replies }
}

/** Positions and books that differ from what is stored; marks them as taken. */
function cursorRows(cursors: readonly Cursor[]): {
  cursors: CursorRow[]
  accounts: AccountRow[]
  controls: ControlRow[]
} {
  const changed = cursors.filter((cursor) => cursor.changed)
  const rows = changed.map(({ number, ranges, skipped }) => ({
    uplink: number,
    ranges: ranges.toJSON(),
    skipped: skipped.toJSON(),
  }))
  for (const cursor of changed) cursor.changed = false
  const controlled = cursors.filter((cursor) => cursor.replay.changed)
  const controls = controlled.map(({ number, paused, replay }) => ({
    uplink: number,
    paused,
    replay: replay.remaining(),
  }))
  for (const cursor of controlled) cursor.replay.changed = false
  const accounts = cursors.flatMap((cursor) =>
    cursor.account.takeChanged().map(([epoch, counts]) => ({ uplink: cursor.number, epoch, counts })),
  )
  return { cursors: rows, accounts, controls }
}
