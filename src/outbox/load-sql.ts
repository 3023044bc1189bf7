/** The outbox in SQLite, storage thread only: what a start needs. */
import type { Database } from 'better-sqlite3'
import { readAudiences } from './audience-sql.ts'
import type { Loaded } from './operations.ts'
import type { PastRule } from './past-filter.ts'
import type { SalvageNote } from './salvage-operations.ts'

interface EpochRow {
  start: number
  tag: string
  gateway: string
  first_seq: number
  clean: number
  through: number
}

interface UplinkRow {
  uplink: number
  name: string
  ranges: string
  skipped: string
  wanted_through: number | null
  paused: number
  replay: string
  past: string
}

/** Everything that is needed to go on; constant in the backlog. */
export function prepareLoad(database: Database) {
  const all = <Row>(sql: string): Row[] => database.prepare(sql).all() as Row[]
  const retries = database.prepare('SELECT 1 FROM rejected WHERE uplink = ? AND retry = 1 LIMIT 1')
  return (): Loaded => ({
    epochs: all<EpochRow>('SELECT * FROM epoch ORDER BY start').map((row) => ({
      start: row.start,
      tag: row.tag,
      gateway: row.gateway,
      firstSeq: row.first_seq,
      clean: row.clean === 1,
      through: row.through,
    })),
    boots: all<{ boot: number; id: string; offset_ms: number; known: number }>('SELECT * FROM boot ORDER BY boot').map(
      (row) => ({ boot: row.boot, id: row.id, offsetMs: row.offset_ms, known: row.known === 1 }),
    ),
    uplinks: all<UplinkRow>('SELECT * FROM uplink ORDER BY uplink').map((row) => ({
      uplink: row.uplink,
      name: row.name,
      ranges: JSON.parse(row.ranges) as [number, number][],
      skipped: JSON.parse(row.skipped) as [number, number][],
      wantedThrough: row.wanted_through,
      paused: row.paused === 1,
      replay: JSON.parse(row.replay) as [number, number][],
      hasRetries: retries.get(row.uplink) !== undefined,
      ...(row.past === '' ? {} : { past: JSON.parse(row.past) as PastRule }),
    })),
    audiences: readAudiences(database),
    accounts: all<Record<string, number>>('SELECT * FROM account').map((row) => ({
      uplink: row['uplink'] ?? 0,
      epoch: row['epoch'] ?? 0,
      counts: {
        delivered: row['delivered'] ?? 0,
        dropped: row['dropped'] ?? 0,
        rejected: row['rejected'] ?? 0,
        notWanted: row['not_wanted'] ?? 0,
        skipped: row['skipped'] ?? 0,
        replayed: row['replayed'] ?? 0,
      },
    })),
    losses: all<Loaded['losses'][number]>(
      `SELECT uplink, reason, first, last, count, first_boot AS firstBoot, first_mono AS firstMono,
              last_boot AS lastBoot, last_mono AS lastMono FROM loss`,
    ),
    ...firstRejected(all(REJECTED_FIRST)),
    ...withSalvage(
      {
        ...first(all<{ seq: number; boot: number }>('SELECT seq, boot FROM record ORDER BY seq LIMIT 1')[0]),
        lastRow: all<{ seq: number }>('SELECT seq FROM record ORDER BY seq DESC LIMIT 1')[0]?.seq ?? 0,
      },
      all<{ note: string }>('SELECT note FROM salvage').map(({ note }) => JSON.parse(note) as SalvageNote),
    ),
  })
}

function firstRejected(rows: { seq: number; boot: number }[]): Pick<Loaded, 'firstRejected' | 'firstRejectedBoot'> {
  const seqs = rows.map((row) => row.seq)
  const boots = rows.map((row) => row.boot)
  return rows.length === 0
    ? { firstRejected: 0, firstRejectedBoot: 0 }
    : { firstRejected: Math.min(...seqs), firstRejectedBoot: Math.min(...boots) }
}

function first(row: { seq: number; boot: number } | undefined): Pick<Loaded, 'firstRow' | 'firstBoot'> {
  return { firstRow: row?.seq ?? 0, firstBoot: row?.boot ?? 0 }
}

type Rows = Pick<Loaded, 'firstRow' | 'firstBoot' | 'lastRow'>

/** Rows of a damaged database that are still to be brought back count as stored, wherever they are. */
function withSalvage(rows: Rows, notes: readonly SalvageNote[]): Rows & Pick<Loaded, 'positionsKnown'> {
  if (notes.length === 0) return { ...rows, positionsKnown: true }
  const lastRow = Math.max(rows.lastRow, ...notes.map(({ through }) => through))
  const positionsKnown = notes.every((note) => note.positionsKnown)
  return { firstRow: Math.min(1, lastRow), firstBoot: 1, lastRow, positionsKnown }
}

/** The oldest rejected record of each uplink. */
const REJECTED_FIRST = `SELECT rejected.seq, rejected.boot FROM uplink JOIN rejected ON rejected.uplink = uplink.uplink
  AND rejected.seq = (SELECT one.seq FROM rejected AS one WHERE one.uplink = uplink.uplink ORDER BY one.seq LIMIT 1)`
