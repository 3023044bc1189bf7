/** What the inbox asks of the storage thread, as plain data. */
import type { CommandState, Reply } from '../model.ts'
import type { Operation } from '../storage/operation.ts'
import type { Command, Deadline, Highest, Stamp } from './command.ts'
import type { Now } from './expiry.ts'
import { type CommandValue, commandValueJson, parseCommandValue } from './value.ts'

/** A row of the table `command`; names are those of its columns. */
export interface CommandRow {
  readonly key: string
  readonly id: string
  readonly arrival: number
  readonly uplink: string
  readonly reply_topic: string | null
  /** Base64. */
  readonly reply_data: string | null
  readonly state: CommandState
  /** JSON, so that 64-bit integers keep their digits. */
  readonly value: string | null
  readonly version: number | null
  readonly boot: string
  readonly mono: number
  readonly wall: number | null
  readonly expires_mono: number | null
  readonly expires_wall: number | null
  readonly hold_ms: number
  readonly redelivery: string | null
  readonly attempts: number
  readonly crashes: number
  readonly doubt: number
  readonly reason: string | null
  readonly superseded_by: string | null
  /** JSON, like `value`. */
  readonly read_back: string | null
  readonly finished_boot: string | null
  readonly finished_mono: number | null
  readonly finished_wall: number | null
}

export interface SettleArgs {
  /** Whole rows: new ones, and old ones as they are from now on. */
  readonly rows: readonly CommandRow[]
  readonly highest?: { readonly key: string } & Highest
}

/** Makes one decision durable. Absolute values only, so that running it again changes nothing. */
export function settleOperation(
  changed: readonly Command[],
  highest?: { readonly key: string } & Highest,
): Operation<void> {
  const args: SettleArgs = { rows: changed.map(toRow), ...(highest ? { highest } : {}) }
  return { op: 'inbox.settle', args }
}

export interface Loaded {
  readonly live: readonly CommandRow[]
  readonly highest: readonly ({ readonly key: string } & Highest)[]
  /** The last arrival number in use, 0 when none is. */
  readonly lastArrival: number
}

export function loadQuestion(): Operation<Loaded> {
  return { op: 'inbox.load', args: {} }
}

export interface FindArgs {
  readonly key: string
  readonly ids: readonly string[]
  readonly redeliveries: readonly string[]
}

/** Commands of a key with one of these ids, or the newest with one of these fingerprints. */
export function findQuestion(args: FindArgs): Operation<readonly CommandRow[]> {
  return { op: 'inbox.find', args }
}

/** Stands as the reason of commands that were under way when a backup was made which is restored now. */
export const RESTORED = 'restored from a backup'

/** Stands as the reason of commands that were under way when part of the database was destroyed. */
export const DAMAGED = 'the database of the gateway was damaged'

/** Stands as the reason of commands that were under way in a database whose newest commits are lost with its log. */
export const LOG_LOST = 'the write-ahead log of the gateway was lost'

/** Marks everything under way with one of these reasons; the next start ends it. Answers how many that are. */
export function markOperation(reason: string): Operation<number> {
  return { op: 'inbox.mark', args: { reason } satisfies MarkArgs }
}

export interface MarkArgs {
  readonly reason: string
}

/** Where a walk through the history stands, from the newest to the oldest, and what it has counted so far. */
export interface PruneWalk {
  /** Only arrivals below this. */
  readonly before: number
  /** Commands that nothing was written for. */
  readonly idle: number
  /** The others, by key. */
  readonly done: Readonly<Record<string, number>>
}

export const PRUNE_FROM_NEWEST: PruneWalk = { before: Number.MAX_SAFE_INTEGER, idle: 0, done: {} }

export interface PruneArgs extends PruneWalk {
  readonly boot: string
  readonly mono: number
  readonly wall: number | null
  readonly keepMs: number
  /** Commands kept at most, whatever their age, for which nothing was written: refused, superseded, expired. */
  readonly keepRows: number
  /** The same of all others, for each key. */
  readonly keepDone: number
  /** Rows one call removes at most, so that it stays short. */
  readonly slice: number
}

/** Forgets finished commands, on one stretch of a walk; answers where it goes on, null at its end. */
export function pruneOperation(
  now: Now,
  limits: Pick<PruneArgs, 'keepMs' | 'keepRows' | 'keepDone' | 'slice'>,
  from: PruneWalk,
): Operation<PruneWalk | null> {
  const args: PruneArgs = { boot: now.boot, mono: now.mono, wall: now.clockKnown ? now.wall : null, ...limits, ...from }
  return { op: 'inbox.prune', args }
}

function toRow(command: Command): CommandRow {
  const { deadline, finished } = command
  return {
    key: command.key,
    id: command.id,
    arrival: command.arrival,
    uplink: command.uplink,
    reply_topic: command.reply?.topic ?? null,
    reply_data: command.reply?.correlation ?? null,
    state: command.state,
    value: jsonColumn(command.value),
    version: command.version ?? null,
    boot: deadline.arrived.boot,
    mono: deadline.arrived.mono,
    wall: deadline.arrived.wall ?? null,
    expires_mono: deadline.mono ?? null,
    expires_wall: deadline.wall ?? null,
    hold_ms: deadline.holdMs,
    redelivery: command.redelivery ?? null,
    attempts: command.attempts,
    crashes: command.crashes,
    doubt: command.doubt ? 1 : 0,
    reason: command.reason ?? null,
    superseded_by: command.supersededBy ?? null,
    read_back: jsonColumn(command.readBack),
    finished_boot: finished?.boot ?? null,
    finished_mono: finished?.mono ?? null,
    finished_wall: finished?.wall ?? null,
  }
}

export function fromRow(row: CommandRow): Command {
  return {
    key: row.key,
    id: row.id,
    uplink: row.uplink,
    ...replyOfRow(row),
    arrival: row.arrival,
    ...(row.value === null ? {} : { value: parseCommandValue(row.value) }),
    ...(row.version === null ? {} : { version: row.version }),
    state: row.state,
    deadline: deadlineOfRow(row),
    ...(row.redelivery === null ? {} : { redelivery: row.redelivery }),
    attempts: row.attempts,
    crashes: row.crashes,
    doubt: row.doubt === 1,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.superseded_by === null ? {} : { supersededBy: row.superseded_by }),
    ...(row.read_back === null ? {} : { readBack: parseCommandValue(row.read_back) }),
    ...(row.finished_boot === null ? {} : { finished: stamp(row.finished_boot, row.finished_mono, row.finished_wall) }),
  }
}

function jsonColumn(value: CommandValue | undefined): string | null {
  return value === undefined ? null : (commandValueJson(value) ?? null)
}

function replyOfRow({ reply_topic: topic, reply_data: correlation }: CommandRow): { readonly reply?: Reply } {
  if (topic === null) return {}
  return { reply: { topic, ...(correlation === null ? {} : { correlation }) } }
}

function deadlineOfRow(row: CommandRow): Deadline {
  return {
    arrived: stamp(row.boot, row.mono, row.wall),
    ...(row.expires_mono === null ? {} : { mono: row.expires_mono }),
    ...(row.expires_wall === null ? {} : { wall: row.expires_wall }),
    holdMs: row.hold_ms,
  }
}

function stamp(boot: string, mono: number | null, wall: number | null): Stamp {
  return { boot, mono: mono ?? 0, ...(wall === null ? {} : { wall }) }
}
