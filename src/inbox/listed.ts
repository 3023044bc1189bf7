import type { ListedCommand } from '../inbox-api.ts'
import { isFinal, type Stamp } from './command.ts'
import { type BootOffset, judge, type Now } from './expiry.ts'
import { type CommandRow, fromRow } from './operations.ts'

/** What the clocks say, and what is known of those of earlier boots. */
export interface ClockFacts {
  readonly now: Now
  readonly bootOffset: BootOffset
}

/** A command as those see it who only look. Pure. */
export function listed(row: CommandRow, facts: ClockFacts): ListedCommand {
  const command = fromRow(row)
  const { deadline, finished, version, reason, supersededBy } = command
  const ts = timeOf(deadline.arrived, facts)
  const finishedTs = finished && timeOf(finished, facts)
  return {
    key: command.key,
    id: command.id,
    arrival: command.arrival,
    uplink: command.uplink,
    ...(row.reply_topic === null ? {} : { replyTo: row.reply_topic }),
    state: command.state,
    ...(row.value === null ? {} : { value: row.value }),
    ...defined({ version, ts, ageMs: ageOf(deadline.arrived, facts) }),
    ...(isFinal(command.state) ? {} : { expiresInMs: remainingMs(judge(deadline, facts.now, facts.bootOffset)) }),
    attempts: command.attempts,
    crashes: command.crashes,
    doubt: command.doubt,
    ...(row.read_back === null ? {} : { readBack: row.read_back }),
    ...defined({ reason, supersededBy: finished && supersededBy, finishedTs }),
    ...defined({ tookMs: finished && between(deadline.arrived, finished, facts) }),
  }
}

/** Unix ms of a stamp; undefined while it is not known. */
export function timeOf(stamp: Stamp, { now, bootOffset }: ClockFacts): number | undefined {
  if (stamp.boot === now.boot) return now.clockKnown ? Math.round(now.wall - (now.mono - stamp.mono)) : undefined
  const offset = bootOffset(stamp.boot)
  const ts = stamp.wall ?? (offset === undefined ? undefined : offset + stamp.mono)
  return ts === undefined ? undefined : Math.round(ts)
}

function ageOf(stamp: Stamp, facts: ClockFacts): number | undefined {
  const { now } = facts
  if (stamp.boot === now.boot) return Math.round(now.mono - stamp.mono)
  const ts = timeOf(stamp, facts)
  return ts === undefined || !now.clockKnown ? undefined : Math.max(0, Math.round(now.wall - ts))
}

function between(from: Stamp, to: Stamp, facts: ClockFacts): number | undefined {
  if (from.boot === to.boot) return Math.round(to.mono - from.mono)
  const [begin, end] = [timeOf(from, facts), timeOf(to, facts)]
  return begin === undefined || end === undefined ? undefined : Math.max(0, end - begin)
}

function remainingMs(verdict: ReturnType<typeof judge>): number {
  return verdict.verdict === 'expired' ? 0 : Math.round(verdict.remainingMs)
}

function defined<T extends object>(facts: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as never
}
