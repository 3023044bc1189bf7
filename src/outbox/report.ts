import type { OutboxBooks, OutboxDisk, OutboxReport, OutboxUplink } from '../outbox-api.ts'
import type { Storage } from '../storage/operation.ts'
import { inspectQuestion } from './inspect.ts'
import { describe, isPending, nextPending, type Position, type View } from './view.ts'

/** Rows looked at for the oldest one that an uplink wants. */
const OLDEST_ROWS = 100

/** What is known of an uplink beside its books; nothing of it without an agent. */
export type UplinkFacts = Pick<OutboxUplink, 'state' | 'sinceMs' | 'problem' | 'outPerSecond'> & {
  readonly paused: boolean
}

export interface ReportFacts {
  readonly running: boolean
  readonly inPerSecond?: number
  readonly disk: OutboxDisk
  readonly uplink: (name: string) => UplinkFacts
}

/** The outbox on one page. */
export async function outboxReport(
  storage: Pick<Storage, 'read'>,
  view: View,
  facts: ReportFacts,
): Promise<OutboxReport> {
  const { running, inPerSecond, disk } = facts
  const present = view.positions.filter((position) => position.wantedThrough === undefined)
  const absent = view.positions.filter((position) => position.wantedThrough !== undefined)
  const { gateway, tag } = view.epochs.running
  return {
    gateway,
    epoch: tag,
    running,
    head: view.head,
    uplinks: await Promise.all(
      present.map(async (position) =>
        uplinkReport(await booksOf(storage, view, position), facts.uplink(position.name), inPerSecond),
      ),
    ),
    absent: await Promise.all(absent.map((position) => booksOf(storage, view, position))),
    ...(inPerSecond === undefined ? {} : { inPerSecond }),
    disk,
  }
}

function uplinkReport(books: OutboxBooks, facts: UplinkFacts, inPerSecond: number | undefined): OutboxUplink {
  const net = (facts.outPerSecond ?? 0) - (inPerSecond ?? 0)
  const drains = books.pending > 0 && net > 0 ? { drainsInMs: (books.pending / net) * 1000 } : {}
  return { ...books, ...facts, ...drains }
}

async function booksOf(storage: Pick<Storage, 'read'>, view: View, position: Position): Promise<OutboxBooks> {
  const { name, account } = position
  const { delivered, dropped, rejected, notWanted, skipped, replayed } = account.totals()
  const issued = account.issued(view.head)
  const pending = issued - account.settled
  const ts = pending > 0 ? await oldestTs(storage, view, position) : undefined
  const now = view.boots.wallOf(view.boots.current.boot, view.mono)
  return {
    name,
    issued,
    delivered,
    pending,
    dropped,
    rejected,
    notWanted,
    skipped,
    replayed,
    ...(ts === undefined ? {} : { oldestAgeMs: Math.max(0, now - ts) }),
  }
}

/** Unix ms of the oldest record that waits; undefined when it is not among the next rows. */
async function oldestTs(storage: Pick<Storage, 'read'>, view: View, position: Position): Promise<number | undefined> {
  const from = nextPending(position, 1)
  if (from < view.tailFirst) {
    const through = view.tailFirst - 1
    const limits = { recordsMax: OLDEST_ROWS, bytesMax: Number.POSITIVE_INFINITY }
    const rows = await storage.read(inspectQuestion({ from, through, ...limits }))
    for (const [index, seq] of rows.seqs.entries()) {
      if (view.isGone(seq) || !isPending(position, seq, rows.targets[index] ?? 0)) continue
      return describe(view, { seq, boot: rows.boots[index] ?? 0, mono: rows.monos[index] ?? 0 }).ts
    }
    if (rows.seqs.length > 0) return undefined
  }
  for (let seq = Math.max(from, view.tailFirst); seq <= view.head; seq += 1) {
    const entry = view.tailEntry(seq)
    if (!entry || !isPending(position, seq, entry.target)) continue
    return describe(view, { seq, boot: view.boots.current.boot, mono: entry.mono }).ts
  }
  return undefined
}
