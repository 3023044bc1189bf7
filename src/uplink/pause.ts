import { type BackoffLimits, backoffMs } from '../retry.ts'

/** A session that lasted so long was a good one: the next trouble is a new one. */
export const STABLE_AFTER_MS = 60_000
/** Shortest pause after something that only a human can correct. */
const SLOW_MIN_MS = 60_000
/** To this comes a random part up to so much, so that a fleet with one wrong password does not knock in step. */
const SLOW_SPREAD_MS = 240_000
/** A server that restarts is back within seconds; for so long after a session was lost, tries come quickly. */
const QUICK_FOR_MS = 3_000
/** Longest pause while tries come quickly. */
const QUICK_PAUSE_MS = 700

export interface Trouble {
  /** Failed tries in a row, 0 right after a good session. */
  readonly attempt: number
  readonly hurry: 'soon' | 'slow'
  /** ms since the session was lost; undefined when there was none yet. */
  readonly lostForMs: number | undefined
  /** Gives a number in [0, 1). */
  readonly random: () => number
}

/** The pause before the next try to connect, in ms. */
export function pauseMs(trouble: Trouble, limits: BackoffLimits): number {
  const { attempt, hurry, lostForMs, random } = trouble
  if (hurry === 'slow') return Math.round(SLOW_MIN_MS + random() * SLOW_SPREAD_MS)
  const quick = lostForMs !== undefined && lostForMs < QUICK_FOR_MS
  return backoffMs(attempt, quick ? { ...limits, maxMs: Math.min(limits.maxMs, QUICK_PAUSE_MS) } : limits, random)
}
