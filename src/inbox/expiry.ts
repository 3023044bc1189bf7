/**
 * Until when a command may be applied, on a machine whose wall clock may be years off until a time service corrects it.
 * Where it cannot be told, commands err to expiring: an order from yesterday must not move anything today.
 */
import type { Deadline, Stamp } from './command.ts'

/** What the clocks say now. */
export interface Now {
  /** Identity of this boot (changes with every start of the machine, not of the agent). */
  readonly boot: string
  /** CLOCK_MONOTONIC in ms. */
  readonly mono: number
  /** Unix ms, as the machine believes. */
  readonly wall: number
  /** May `wall` be believed? */
  readonly clockKnown: boolean
}

/** wall - mono in ms of an earlier boot, when that is known. */
export type BootOffset = (boot: string) => number | undefined

export type Verdict =
  | { readonly verdict: 'live'; readonly remainingMs: number }
  /** Cannot be judged before the clock is known; given up after `remainingMs` of powered time. */
  | { readonly verdict: 'held'; readonly remainingMs: number }
  | { readonly verdict: 'expired'; readonly reason: string }

export interface Lifetime {
  /** Unix ms after which the sender does not want it any more. */
  readonly expiresAt?: number
  /** Lifetime left at arrival, as the protocol gave it. */
  readonly expiresInMs?: number
  /** The command's own limit, where the sender gave none. */
  readonly defaultMs: number
}

export function stampOf(now: Now): Stamp {
  return { boot: now.boot, mono: now.mono, ...(now.clockKnown ? { wall: now.wall } : {}) }
}

/** The deadline of a command that arrives now: the earliest that the sender gave, else the command's own limit. */
export function deadlineOf(lifetime: Lifetime, now: Now): Deadline {
  const arrived = stampOf(now)
  const { expiresAt, expiresInMs, defaultMs } = lifetime
  if (expiresAt !== undefined && !now.clockKnown) {
    const limit = expiresInMs === undefined ? {} : { mono: now.mono + expiresInMs }
    return { arrived, ...limit, wall: expiresAt, holdMs: defaultMs }
  }
  const given = Math.min(expiresAt === undefined ? Infinity : expiresAt - now.wall, expiresInMs ?? Infinity)
  const life = Math.round(given === Infinity ? defaultMs : given)
  const wall = now.clockKnown ? { wall: now.wall + life } : {}
  return { arrived, mono: now.mono + life, ...wall, holdMs: defaultMs }
}

export function judge(deadline: Deadline, now: Now, bootOffset: BootOffset): Verdict {
  const sameBoot = deadline.arrived.boot === now.boot
  const ownWall = deadline.arrived.wall === undefined && deadline.wall !== undefined
  // Within the boot the monotonic clock decides: the wall clock may be stepped by years at any moment.
  if (sameBoot && !ownWall) return byRemaining((deadline.mono ?? 0) - now.mono)
  if (!now.clockKnown) return hold(deadline, now, sameBoot)
  if (sameBoot) return byRemaining(Math.min((deadline.mono ?? Infinity) - now.mono, (deadline.wall ?? 0) - now.wall))
  return afterReboot(deadline, now, bootOffset)
}

function afterReboot(deadline: Deadline, now: Now, bootOffset: BootOffset): Verdict {
  const offset = bootOffset(deadline.arrived.boot)
  const byMono = deadline.mono === undefined || offset === undefined ? Infinity : offset + deadline.mono
  // With the clock known at arrival, `wall` was made from `mono` by the offset of that moment: one limit, told twice.
  const limit =
    deadline.arrived.wall === undefined ? Math.min(deadline.wall ?? Infinity, byMono) : (deadline.wall ?? byMono)
  if (limit === Infinity) {
    return { verdict: 'expired', reason: 'it arrived before a restart of the machine, at a time that is not known' }
  }
  return byRemaining(limit - now.wall)
}

/** The clock is not known. The machine has been up for `now.mono`, so at least so much has passed since an earlier boot. */
function hold(deadline: Deadline, now: Now, sameBoot: boolean): Verdict {
  const { arrived, mono, holdMs } = deadline
  const lifeMs = Math.min(mono === undefined ? Infinity : mono - arrived.mono, holdMs)
  const remainingMs = lifeMs - (sameBoot ? now.mono - arrived.mono : now.mono)
  if (remainingMs > 0) return { verdict: 'held', remainingMs }
  return { verdict: 'expired', reason: 'the clock did not become known in time to tell whether it is still wanted' }
}

function byRemaining(remainingMs: number): Verdict {
  return remainingMs > 0 ? { verdict: 'live', remainingMs } : { verdict: 'expired', reason: 'its time is over' }
}

/** A message sent again without an id is believed to be the same one for this long; packet ids come round again. */
export const REDELIVERY_MAX_MS = 24 * 3_600_000

/** Is `stamp` less than `maxMs` old? Where that cannot be told, yes. */
export function isRecent(stamp: Stamp, now: Now, maxMs: number): boolean {
  if (stamp.boot === now.boot) return now.mono - stamp.mono < maxMs
  if (stamp.wall !== undefined && now.clockKnown) return now.wall - stamp.wall < maxMs
  return now.mono < maxMs
}
