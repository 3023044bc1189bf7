import { randomBytes } from 'node:crypto'
import type { NewRecord } from '../model.ts'
import type { Storage } from '../storage/operation.ts'
import type { FilterSettings, UplinkSettings } from '../uplink-settings.ts'
import { Account } from './account.ts'
import { Audiences } from './audiences.ts'
import { type Boot, Boots } from './boots.ts'
import { type Epoch, Epochs } from './epochs.ts'
import { Ledger } from './ledger.ts'
import { type Forget, type Loaded, seekQuestion } from './operations.ts'
import type { PastRule } from './past-filter.ts'
import { Ranges } from './ranges.ts'

/** Epochs and boots kept at least: a restart loop over years must not grow the database or the start. */
const EPOCHS_KEPT = 1_000
const BOOTS_KEPT = 1_000

/** Uplinks that begin with one start get their numbers from this many. */
const NUMBERS_PER_START = 1_000

/** Who reads the outbox, from the configuration. */
export interface UplinkIdentity {
  readonly name: string
  /**
   * Where an uplink that has no cursor yet begins: head, with the oldest stored record; tail, with this epoch; else with
   * the first stored record of this time (Unix ms) or number, or later.
   */
  readonly startAt: 'head' | 'tail' | { readonly ts: number } | { readonly seq: number }
  /** The name it had before: it goes on with the cursor of that one, if that is not configured. */
  readonly formerly?: string
  /** What it wants of the records that are made from now on; of one without a cursor, also of those from before. */
  readonly filter?: FilterSettings
  readonly order?: UplinkSettings['order']
}

export interface StartFacts {
  readonly gateway: string
  /** Identity of the boot, changes with every start of the machine. */
  readonly boot: string
  readonly mono: number
  readonly wall: number
  readonly clockKnown: boolean
  readonly uplinks: readonly UplinkIdentity[]
}

/** Where one uplink stands at the start. */
export interface CursorStart {
  readonly number: number
  readonly name: string
  readonly ranges: Ranges
  /** Numbers issued while it was absent that no range covers yet. */
  readonly skipped: Ranges
  readonly account: Account
  /** Set for an uplink that is not in the configuration: it keeps its rows through this number. */
  readonly wantedThrough?: number
  readonly paused: boolean
  /** Kept rows that are still to be sent again. */
  readonly replay: readonly (readonly [number, number])[]
  readonly hasRetries: boolean
  readonly isNew: boolean
  readonly isRenamed: boolean
  /** It was absent and is back. */
  readonly isBack: boolean
  readonly filter?: FilterSettings
  readonly order?: UplinkSettings['order']
  readonly past?: PastRule
}

export interface Start {
  readonly epochs: Epochs
  readonly boots: Boots
  readonly ledger: Ledger
  readonly cursors: readonly CursorStart[]
  readonly audiences: Audiences
  /** No row refers to the audiences that are stored. */
  readonly forgetsAudiences: boolean
  /** Highest number of earlier epochs that became durable. */
  readonly storedThrough: number
  /** How the run before ended; nothing: there was none. */
  readonly follows: 'clean' | 'unclean' | 'nothing'
  /** What the start transaction may remove; absent: nothing. */
  readonly forget?: Forget
  /** The first record of the epoch: it names the epoch before, and the numbers of it that will never come (P4). */
  readonly firstRecord: NewRecord
}

/** Finds the numbers of uplinks that begin at a time. */
export async function startSeqs(loaded: Loaded, facts: StartFacts, storage: Storage): Promise<UplinkIdentity[]> {
  const offsets = startBoots(loaded.boots, facts).offsets()
  return Promise.all(
    facts.uplinks.map(async (uplink) => {
      const { name, startAt } = uplink
      if (typeof startAt === 'string' || !('ts' in startAt)) return uplink
      if (loaded.uplinks.some((row) => row.name === name)) return uplink
      const seq = await storage.read(seekQuestion({ ts: startAt.ts, offsets }))
      return { ...uplink, startAt: seq === 0 ? ('tail' as const) : { seq } }
    }),
  )
}

/**
 * Decides how a new epoch goes on from what the database holds (pure but for the random tag). Seqs go on from the highest
 * number stored anywhere; the epoch's random part keeps ids from returning even after a restore (P3).
 */
export function planStart(loaded: Loaded, facts: StartFacts, random = randomBytes(4).toString('hex')): Start {
  const before = loaded.epochs.at(-1)
  const storedThrough = highestStored(loaded)
  const running: Epoch = {
    start: (before?.start ?? 0) + 1,
    tag: `${(before?.start ?? 0) + 1}-${random}`,
    gateway: facts.gateway,
    firstSeq: storedThrough + 1,
  }
  // Where the gateway of an epoch could not be read, it was most probably this one.
  const earlier = loaded.epochs.map((epoch) => ({ ...epoch, gateway: epoch.gateway || facts.gateway }))
  const epochs = new Epochs([...earlier, running])
  const boots = startBoots(loaded.boots, facts)
  const cursors = startCursors(loaded, facts, { epochs, storedThrough })
  const previous = before && {
    epoch: before.tag,
    first: before.firstSeq,
    stored_through: storedThrough,
    clean: before.clean,
  }
  const forget = forgettable(loaded, running.start)
  const body = JSON.stringify({ event: 'started', epoch: running.tag, ...(previous ? { previous } : {}) }).slice(1, -1)
  return {
    epochs,
    boots,
    ledger: new Ledger(loaded.losses),
    cursors,
    audiences: new Audiences(loaded.audiences, loaded.lastRow > 0),
    forgetsAudiences: loaded.lastRow === 0 && loaded.audiences.length > 0,
    storedThrough,
    follows: before ? (before.clean ? 'clean' : 'unclean') : 'nothing',
    ...(forget ? { forget } : {}),
    firstRecord: { kind: 'event', source: '', body, mono: facts.mono },
  }
}

function highestStored(loaded: Loaded): number {
  let highest = loaded.lastRow
  for (const { through } of loaded.epochs) highest = Math.max(highest, through)
  for (const { wantedThrough, ranges, skipped } of loaded.uplinks) {
    highest = Math.max(highest, wantedThrough ?? 0, ranges.at(-1)?.[1] ?? 0, skipped.at(-1)?.[1] ?? 0)
  }
  return highest
}

/** Old epochs that no row, no rejected record and no position needs any more, and boots before the oldest row. */
function forgettable(loaded: Loaded, running: number): Forget | undefined {
  const needed = Math.min(
    loaded.firstRow || Number.POSITIVE_INFINITY,
    loaded.firstRejected || Number.POSITIVE_INFINITY,
    ...loaded.uplinks.map(({ ranges, wantedThrough }) => {
      const pending = new Ranges(ranges).nextOutside(1)
      return pending > (wantedThrough ?? Number.POSITIVE_INFINITY) ? Number.POSITIVE_INFINITY : pending
    }),
  )
  const oldest = loaded.epochs.findLast((epoch) => epoch.firstSeq <= needed)?.start ?? 0
  const epochsBelow = Math.min(oldest, running - EPOCHS_KEPT)
  const newestBoot = loaded.boots.at(-1)?.boot ?? 0
  const oldestBoot = Math.min(
    loaded.firstBoot || newestBoot,
    loaded.firstRejectedBoot || newestBoot,
    ...loaded.losses.map((loss) => loss.firstBoot),
  )
  const bootsBelow = Math.min(oldestBoot, newestBoot - BOOTS_KEPT)
  return epochsBelow > 1 || bootsBelow > 1 ? { epochsBelow, bootsBelow } : undefined
}

function startBoots(stored: readonly Boot[], facts: StartFacts): Boots {
  const same = stored.find((boot) => boot.id === facts.boot)
  const current: Boot = {
    boot: same?.boot ?? (stored.at(-1)?.boot ?? 0) + 1,
    id: facts.boot,
    offsetMs: facts.wall - facts.mono,
    known: facts.clockKnown,
  }
  // The offset of this boot may have become known before a restart of the agent; that knowledge is kept.
  if (same?.known && !facts.clockKnown) return new Boots(stored, { ...same })
  return new Boots(stored, current)
}

interface Numbers {
  readonly epochs: Epochs
  readonly storedThrough: number
}

function startCursors(loaded: Loaded, facts: StartFacts, numbers: Numbers): CursorStart[] {
  const configured = new Map(facts.uplinks.map((uplink) => [uplink.name, uplink]))
  const newNames = renamed(loaded, facts)
  const cursors = loaded.uplinks.map((row): CursorStart => {
    const name = newNames.get(row.name) ?? row.name
    const ranges = new Ranges(row.ranges)
    const account = new Account(
      numbers.epochs,
      loaded.accounts.filter((entry) => entry.uplink === row.uplink).map((entry) => [entry.epoch, entry.counts]),
    )
    const skipped = new Ranges(row.skipped.filter(([from, to]) => ranges.nextOutside(from) <= to))
    const { uplink: number, paused, replay, hasRetries, past } = row
    const books = { number, name, ranges, skipped, account, paused, replay, hasRetries }
    const identity = configured.get(name)
    const base = {
      ...books,
      ...wishesOf(identity),
      ...(past ? { past } : {}),
      isNew: false,
      isRenamed: name !== row.name,
    }
    if (!configured.delete(name)) {
      return { ...base, wantedThrough: row.wantedThrough ?? numbers.storedThrough, isBack: false }
    }
    if (row.wantedThrough !== null) skip(skipped, account, { from: row.wantedThrough + 1, to: numbers.storedThrough })
    account.open(numbers.epochs.running.start)
    return { ...base, isBack: row.wantedThrough !== null }
  })
  // Never a number that was used before: rows may still be addressed to an uplink that was forgotten.
  let number = Math.max(loaded.uplinks.at(-1)?.uplink ?? 0, (numbers.epochs.running.start - 1) * NUMBERS_PER_START)
  for (const uplink of configured.values()) {
    number += 1
    // Rather twice than not at all.
    const startAt = loaded.positionsKnown ? uplink.startAt : 'head'
    cursors.push(newCursor(loaded, { ...uplink, number, startAt }, numbers))
  }
  return cursors
}

/** What the configuration says an uplink is to get. */
function wishesOf(uplink: UplinkIdentity | undefined): Pick<UplinkIdentity, 'filter' | 'order'> {
  return { ...(uplink?.filter ? { filter: uplink.filter } : {}), ...(uplink?.order ? { order: uplink.order } : {}) }
}

/** Old name to new name of uplinks that were renamed in the configuration. */
function renamed(loaded: Loaded, facts: StartFacts): ReadonlyMap<string, string> {
  const stored = new Set(loaded.uplinks.map(({ name }) => name))
  const configured = new Set(facts.uplinks.map(({ name }) => name))
  const names = new Map<string, string>()
  for (const { name, formerly } of facts.uplinks) {
    if (formerly === undefined || stored.has(name) || configured.has(formerly) || !stored.has(formerly)) continue
    names.set(formerly, name)
  }
  return names
}

/** What the operator should know about `formerly`: a word that does nothing is a misspelling, or came too late. */
export function formerNotes(loaded: Loaded, facts: StartFacts): string[] {
  const stored = new Set(loaded.uplinks.map(({ name }) => name))
  return facts.uplinks.flatMap(({ name, formerly }) => {
    if (formerly === undefined) return []
    if (!stored.has(name) && !stored.has(formerly) && stored.size > 0) {
      return [`uplink ${name} is new, because no uplink ${formerly} is known (formerly)`]
    }
    if (!stored.has(name) || !stored.has(formerly)) return []
    return [
      `uplink ${name} has a position of its own, so formerly: ${formerly} does nothing; ${formerly} keeps its records`,
    ]
  })
}

/** Numbers issued while an uplink was absent from the configuration: it has no claim to them. */
function skip(skipped: Ranges, account: Account, numbers: { from: number; to: number }): void {
  if (numbers.to < numbers.from) return
  skipped.add(numbers.from, numbers.to)
  account.addRange(numbers.from, numbers.to, 'skipped')
}

function newCursor(
  loaded: Loaded,
  uplink: UplinkIdentity & { readonly number: number },
  { epochs, storedThrough }: Numbers,
): CursorStart {
  const account = new Account(epochs)
  account.open(epochs.running.start)
  const begin = beginOf(uplink.startAt, { firstRow: loaded.firstRow, storedThrough })
  if (begin <= storedThrough) {
    const epoch = epochs.of(begin)
    if (begin > epoch.firstSeq) account.addRange(epoch.firstSeq, begin - 1, 'skipped')
    epochs.share(begin, storedThrough, (covered) => account.open(covered.start))
  }
  const { number, name, filter } = uplink
  const ranges = new Ranges([[0, begin - 1]])
  const past = filter && begin <= storedThrough ? { past: { ...filter, through: storedThrough } } : {}
  const idle = { paused: false, replay: [], hasRetries: false, isRenamed: false, isBack: false }
  return { number, name, ranges, skipped: new Ranges(), account, ...wishesOf(uplink), ...past, ...idle, isNew: true }
}

/** The first number of an uplink that has no cursor yet. */
function beginOf(
  startAt: UplinkIdentity['startAt'],
  numbers: { readonly firstRow: number; readonly storedThrough: number },
): number {
  const next = numbers.storedThrough + 1
  if (startAt === 'tail' || numbers.firstRow === 0) return next
  if (startAt === 'head') return numbers.firstRow
  return 'seq' in startAt ? Math.min(Math.max(startAt.seq, numbers.firstRow), next) : next
}
