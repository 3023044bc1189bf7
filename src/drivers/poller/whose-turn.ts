/** A device as far as it matters for whose turn it is. Times are CLOCK_MONOTONIC in ms. */
export interface Candidate {
  /** When it wants a turn; Infinity: never. */
  readonly dueAt: number
  /** 0: expected to answer. Above, its turn is a probe that may cost a whole timeout; the more, the less likely an answer. */
  readonly doubt: number
  /** How long it occupied the connection lately. */
  readonly busyMs: number
  /** When its last turn began. */
  readonly servedAt: number
}

export interface TurnLimits {
  readonly now: number
  /** What a probe may cost. */
  readonly probeMs: number
  /** A probe that has given way to others for so long does not any more, unless there was another one meanwhile. */
  readonly patienceMs: number
  readonly lastProbeAt: number
  /** There is more to do than time: polls were missed lately. */
  readonly isOverloaded: boolean
}

/**
 * Whose turn it is, or when somebody's will be (Infinity: never). Pure.
 *
 * Of the devices that are due, the one that has used the connection least: a slow device gets its share and not more, and
 * among equals it is the one that waited longest. A doubtful one gives way to all that are likelier to answer, so that a dead
 * device does not make others late: it waits for a gap before the next of them that is long enough, though not for ever.
 */
export function whoseTurn<T extends Candidate>(
  candidates: readonly T[],
  limits: TurnLimits,
): { readonly next: T | undefined; readonly inMs: number } {
  const { now, probeMs, patienceMs, lastProbeAt, isOverloaded } = limits
  const dueAtByDoubt = new Map<number, number>()
  for (const { doubt, dueAt } of candidates) {
    dueAtByDoubt.set(doubt, Math.min(dueAt, dueAtByDoubt.get(doubt) ?? Number.POSITIVE_INFINITY))
  }
  let [poll, probe]: (T | undefined)[] = []
  let inMs = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const { doubt, dueAt } = candidate
    const givesWay = [...dueAtByDoubt].some(([other, at]) => other < doubt && at - now < probeMs)
    const mayGoAt = givesWay ? Math.max(dueAt, lastProbeAt) + patienceMs : dueAt
    const waitMs = Math.max(0, mayGoAt - now)
    inMs = Math.min(inMs, waitMs)
    if (waitMs > 0) continue
    if (doubt > 0) probe = probe && !isLikelier(candidate, probe) ? probe : candidate
    else poll = poll && !isBefore(candidate, poll, { byUse: isOverloaded }) ? poll : candidate
  }
  const next = poll && probe ? (isBefore(poll, probe, { byUse: isOverloaded }) ? poll : probe) : (poll ?? probe)
  return { next, inMs }
}

function isLikelier(a: Candidate, b: Candidate): boolean {
  return a.doubt === b.doubt ? a.servedAt < b.servedAt : a.doubt < b.doubt
}

function isBefore(a: Candidate, b: Candidate, { byUse }: { readonly byUse: boolean }): boolean {
  return !byUse || a.busyMs === b.busyMs ? a.servedAt < b.servedAt : a.busyMs < b.busyMs
}
