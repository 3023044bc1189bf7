/** Times of issue that lie ahead: they would make every command after them an old one. Pure. */
import type { Command } from './command.ts'
import { SECONDS_BELOW } from './parse.ts'

/** Clocks differ by less. */
const ISSUED_AHEAD_MS_MAX = 300_000

/** Why a command issued then (Unix ms) cannot be accepted; `wall`: now, by a clock that is known. */
export function aheadReason(issuedAt: number, wall: number): string | undefined {
  if (issuedAt - wall <= ISSUED_AHEAD_MS_MAX) return undefined
  const ahead = Math.round((issuedAt - wall) / 1_000)
  return `issued_at is ${ahead} s ahead of the gateway's clock, at most ${ISSUED_AHEAD_MS_MAX / 1_000} s are allowed`
}

/**
 * The time of issue of a command that came while the clock was not known, so that nobody could judge it; such a command
 * always has a time of expiry of its own. A version counts as one where it can be one: Unix ms before that expiry.
 */
export function unjudgedIssueTime({ version, deadline }: Pick<Command, 'version' | 'deadline'>): number | undefined {
  const { arrived, wall } = deadline
  if (version === undefined || arrived.wall !== undefined || wall === undefined) return undefined
  return version >= SECONDS_BELOW && version <= wall ? version : undefined
}
