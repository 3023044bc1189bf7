/** A device as far as it matters for whose turn it is. Times are CLOCK_MONOTONIC in ms. */
export interface Candidate {
  /** When it wants a turn; Infinity: never. */
  readonly dueAt: number
  /** It is not expected to answer: its turn is a probe that will cost a whole timeout. */
  readonly isDoubtful: boolean
  /** How long it occupied the connection lately. */
  readonly busyMs: number
  /** When its last turn began. */
  readonly servedAt: number
}

export interface TurnLimits {
  readonly now: number
  /** What a probe may cost. */
  readonly probeMs: number
  /** A probe that has given way to polls for so long does not any more, unless there was another one meanwhile. */
  readonly patienceMs: number
  readonly lastProbeAt: number
  /** There is more to do than time: polls were missed lately. */
  readonly isOverloaded: boolean
}

/**
 * Whose turn it is, or when somebody's will be (Infinity: never). Pure.
 *
 * Of the devices that are due, the one that has used the connection least: a slow device gets its share and not more, and
 * among equals it is the one that waited longest. A doubtful one gives way, so that a dead device does not make others late:
 * it waits for a gap before the next poll that is long enough, though not for ever.
 */
export function whoseTurn<T extends Candidate>(
  candidates: readonly T[],
  limits: TurnLimits,
): { readonly next: T | undefined; readonly inMs: number } {
  const { now, probeMs, patienceMs, lastProbeAt, isOverloaded } = limits
  let [next, inMs]: [T | undefined, number] = [undefined, Number.POSITIVE_INFINITY]
  let pollInMs = Number.POSITIVE_INFINITY
  for (const candidate of candidates) if (!candidate.isDoubtful) pollInMs = Math.min(pollInMs, candidate.dueAt - now)
  const gapIsLongEnough = pollInMs >= probeMs
  for (const candidate of candidates) {
    const givesWay = candidate.isDoubtful && !gapIsLongEnough
    const mayGoAt = givesWay ? Math.max(candidate.dueAt, lastProbeAt) + patienceMs : candidate.dueAt
    const waitMs = Math.max(0, mayGoAt - now)
    if (waitMs === 0 && (next === undefined || isBefore(candidate, next, isOverloaded))) next = candidate
    inMs = Math.min(inMs, waitMs)
  }
  return { next, inMs }
}

function isBefore(a: Candidate, b: Candidate, byUse: boolean): boolean {
  return !byUse || a.busyMs === b.busyMs ? a.servedAt < b.servedAt : a.busyMs < b.busyMs
}
