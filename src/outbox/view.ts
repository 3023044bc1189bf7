/**
 * The outbox as those see it who only look: the running one, or what an agent left in its file. Both give the same
 * picture, so that every question is answered by the same code.
 */
import type { StoredRecord } from '../model.ts'
import { Account } from './account.ts'
import { Audiences } from './audiences.ts'
import { Boots } from './boots.ts'
import { Epochs } from './epochs.ts'
import type { Loaded } from './operations.ts'
import { Ranges } from './ranges.ts'
import type { TailEntry } from './tail.ts'

/** Where one uplink stands. A cursor is one. */
export interface Position {
  readonly number: number
  readonly name: string
  readonly ranges: Ranges
  readonly skipped: Ranges
  readonly account: Account
  /** Set for an uplink that is not in the configuration: the newest number it has a claim to. */
  readonly wantedThrough: number | undefined
  /** Does it want records with this target (see Audiences)? */
  wants(target: number): boolean
}

/** The parts of the running outbox, or their likes made from a file. */
export interface View {
  /** The newest number issued. */
  readonly head: number
  /** Records from this number on are in memory; older ones are rows, or gone. */
  readonly tailFirst: number
  readonly epochs: Epochs
  readonly boots: Boots
  /** All uplinks with books: those of the configuration first. */
  readonly positions: readonly Position[]
  /** CLOCK_MONOTONIC in ms. */
  readonly mono: number
  tailEntry(seq: number): TailEntry | undefined
  /** Given up at a limit; its row may still be there for a moment. */
  isGone(seq: number): boolean
  /** The same for this moment, whatever is given up later. */
  goneNow(): (seq: number) => boolean
  /** Is it being sent to this uplink just now? */
  isBeingSent(position: Position, seq: number): boolean
  /** Would it be marked as late if it were sent now? */
  isLate(position: Position, seq: number): boolean
}

/** What an agent left behind. `now`: this moment, for ages. */
export function storedView(
  loaded: Loaded,
  now: { readonly boot: string; readonly mono: number; readonly wall: number },
): View {
  const epochs = new Epochs(loaded.epochs)
  const audiences = new Audiences(loaded.audiences)
  const positions = loaded.uplinks.map((row) => {
    const entries = loaded.accounts.filter((entry) => entry.uplink === row.uplink)
    return {
      number: row.uplink,
      name: row.name,
      ranges: new Ranges(row.ranges),
      skipped: new Ranges(row.skipped),
      account: new Account(
        epochs,
        entries.map((entry) => [entry.epoch, entry.counts]),
      ),
      wantedThrough: row.wantedThrough ?? undefined,
      wants: (target: number) => audiences.includes(row.uplink, target),
    }
  })
  const head = Math.max(
    loaded.lastRow,
    ...loaded.epochs.map((epoch) => epoch.through),
    ...positions.map(({ ranges, wantedThrough }) => Math.max(ranges.last, wantedThrough ?? 0)),
  )
  const same = loaded.boots.find((boot) => boot.id === now.boot)
  const newest = (loaded.boots.at(-1)?.boot ?? 0) + 1
  const current = same ?? { boot: newest, id: now.boot, offsetMs: now.wall - now.mono, known: true }
  return {
    head,
    tailFirst: head + 1,
    epochs,
    boots: new Boots(loaded.boots, { ...current }),
    positions: positions.sort((a, b) => Number(a.wantedThrough !== undefined) - Number(b.wantedThrough !== undefined)),
    mono: now.mono,
    tailEntry: () => undefined,
    isGone: () => false,
    goneNow: () => () => false,
    isBeingSent: () => false,
    isLate: () => true,
  }
}

/** Is this record one that the uplink wants and has not settled? */
export function isPending(position: Position, seq: number, target: number): boolean {
  if (!position.wants(target)) return false
  if (position.wantedThrough !== undefined && seq > position.wantedThrough) return false
  return !position.ranges.has(seq) && !position.skipped.has(seq)
}

/** The first number from `seq` on that the uplink may still want; Infinity when there is none. */
export function nextPending({ ranges, skipped, wantedThrough }: Position, seq: number): number {
  let pending = ranges.nextOutside(seq)
  while (skipped.has(pending)) pending = ranges.nextOutside(skipped.nextOutside(pending))
  return pending > (wantedThrough ?? Number.POSITIVE_INFINITY) ? Number.POSITIVE_INFINITY : pending
}

/** Identity and time of a record. */
export function describe(
  { epochs, boots }: Pick<View, 'epochs' | 'boots'>,
  entry: { readonly seq: number; readonly boot: number; readonly mono: number },
): Pick<StoredRecord, 'idPrefix' | 'ts' | 'clockKnown'> {
  return {
    idPrefix: epochs.idPrefix(entry.seq),
    ts: boots.wallOf(entry.boot, entry.mono),
    clockKnown: boots.isKnown(entry.boot),
  }
}
