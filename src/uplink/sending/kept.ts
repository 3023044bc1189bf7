/** No pause after a refusal grows beyond this, or beyond five times its first length if that is more. */
const KEPT_PAUSE_MAX_MS = 60_000

/**
 * The pause after refusal number `pauses` (0 for the first) in a row: doubling from `delayMs`, between half and the whole
 * of it, so that gateways refused in the same second do not return in the same second.
 */
export function keptPauseMs(delayMs: number, pauses: number, random: () => number): number {
  const longest = Math.max(KEPT_PAUSE_MAX_MS, delayMs * 5)
  return Math.min(longest, delayMs * 2 ** Math.min(pauses, 20)) * (0.5 + random() / 2)
}
