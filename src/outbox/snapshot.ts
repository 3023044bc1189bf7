import type { Cursor } from './cursor.ts'
import { type AccountRow, type CursorRow, KINDS, type RecordColumns } from './operations.ts'
import type { TailEntry } from './tail.ts'
import { toTexts } from './texts.ts'

/** Entries of the tail as columns for the storage thread. */
export function toColumns(entries: readonly TailEntry[], boot: number): RecordColumns {
  const seqs = new Float64Array(entries.length)
  const kinds = new Uint8Array(entries.length)
  const monos = new Float64Array(entries.length)
  const targets = new Float64Array(entries.length)
  // One plain loop: `from` with a function costs five times as much, on the thread that polls.
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i]
    if (!entry) continue
    seqs[i] = entry.seq
    kinds[i] = KINDS.indexOf(entry.kind)
    monos[i] = Math.floor(entry.mono)
    targets[i] = entry.target
  }
  return { seqs, kinds, boots: new Float64Array(entries.length).fill(boot), monos, targets, ...toTexts(entries) }
}

/** Positions and books that differ from what is stored; marks them as taken. */
export function cursorRows(cursors: readonly Cursor[]): { cursors: CursorRow[]; accounts: AccountRow[] } {
  const changed = cursors.filter((cursor) => cursor.changed)
  const rows = changed.map(({ number, ranges, skipped }) => ({
    uplink: number,
    ranges: ranges.toJSON(),
    skipped: skipped.toJSON(),
  }))
  for (const cursor of changed) cursor.changed = false
  const accounts = cursors.flatMap((cursor) =>
    cursor.account.takeChanged().map(([epoch, counts]) => ({ uplink: cursor.number, epoch, counts })),
  )
  return { cursors: rows, accounts }
}
