/** The pauses between tries. Full jitter: two thousand gateways must not come back in the same second. */
export interface BackoffLimits {
  /** The first pause is drawn from 0 to this. */
  readonly minMs: number
  /** No pause is longer. */
  readonly maxMs: number
}

/**
 * The pause before try number `attempt` (0 for the first retry): uniform between 0 and the doubled limit, which is
 * capped. `random` gives a number in [0, 1).
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: () => number = Math.random): number {
  const ceiling = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(attempt, 30))
  return Math.round(random() * ceiling)
}
