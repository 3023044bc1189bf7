import type { GivenUp } from './given-up.ts'
import type { OldestRows } from './operations.ts'

/** Rows given up in one job, so that one call into SQLite stays short. */
export const DROP_ROWS_MAX = 1_000
/** Fixed cost of a row beside its text: key, stamps, page overhead. */
export const ROW_BYTES = 40

/** How many of the oldest rows are older than `maxAgeMs`; rows come in order, so counting stops at the first young one. */
export function countOverAge(
  rows: OldestRows,
  maxAgeMs: number,
  ageOf: (boot: number, mono: number) => number,
): number {
  let count = 0
  while (count < rows.seqs.length && ageOf(rows.boots[count] ?? 0, rows.monos[count] ?? 0) > maxAgeMs) count += 1
  return count
}

/** How many of the oldest rows make up `excessBytes`, by their average size; at least one when there is any excess. */
export function countOverSize(rows: OldestRows, excessBytes: number): number {
  if (excessBytes <= 0 || rows.seqs.length === 0) return 0
  const average = rows.bytes / rows.seqs.length + ROW_BYTES
  return Math.min(rows.seqs.length, Math.max(1, Math.ceil(excessBytes / average)))
}

/** Ascending seqs as closed ranges, so that a drop deletes by range. */
export function toRanges(seqs: readonly number[]): [number, number][] {
  const ranges: [number, number][] = []
  for (const seq of seqs) {
    const last = ranges.at(-1)
    if (last && last[1] === seq - 1) last[1] = seq
    else ranges.push([seq, seq])
  }
  return ranges
}

/** The first `count` of the rows. */
export function givenUp(rows: OldestRows, count: number): GivenUp[] {
  return Array.from({ length: count }, (_, index) => ({
    seq: rows.seqs[index] ?? 0,
    boot: rows.boots[index] ?? 0,
    mono: rows.monos[index] ?? 0,
    target: rows.targets[index] ?? 0,
  }))
}
