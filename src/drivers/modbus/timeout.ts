/**
 * How long a unit's reply is waited for: a multiple of the time it usually takes, so that a unit that died costs its
 * neighbours little (P7). Pure.
 *
 * A wait that was too short costs a reading and a reply to be afraid of, so a unit that answered late is waited for in full
 * at once, and one that lost replies while it was alive gets a larger multiple.
 */
export interface TimeoutLimits {
  readonly minMs: number
  /** What the configuration allows; waited for while nothing is known. */
  readonly maxMs: number
}

/** What was seen of one unit. All times are from the end of the request to the end of the reply, without the bytes of either. */
export interface Pace {
  /** Absent: it never answered. */
  readonly latency?: {
    /** A running average, ms. */
    readonly usualMs: number
    /** The longest of late, sinking slowly, ms. */
    readonly peakMs: number
  }
  /** The multiple of `peakMs` that is waited for. */
  readonly factor: number
  /** Replies since the last lost one. */
  readonly replies: number
  /** Replies lost in a row. */
  readonly lost: number
  /** The last lost reply came after all. */
  readonly late: boolean
}

const FACTOR = 4
const FACTOR_MAX = 64
/** A factor that grew is halved after so many replies without a loss. */
const CALM_REPLIES = 1_000
/** From so many lost replies in a row on, the probe is waited for in full whenever they have doubled: it may have become slow. */
const FULL_FROM = 8
const USUAL_SHARE = 1 / 8
const PEAK_SHARE = 1 / 64

export const unknownPace: Pace = { factor: FACTOR, replies: 0, lost: 0, late: false }

/** How long to wait for the next reply. */
export function timeoutOf(pace: Pace, limits: TimeoutLimits): number {
  const { latency, factor, lost, late } = pace
  // After one loss the reason may be us: the next wait is in full.
  if (late || lost === 1 || (lost >= FULL_FROM && Number.isInteger(Math.log2(lost)))) return limits.maxMs
  if (!latency) return lost === 0 ? limits.maxMs : Math.min(limits.minMs, limits.maxMs)
  return Math.min(limits.maxMs, Math.max(limits.minMs, latency.peakMs * factor))
}

/** A reply came, if only a refusal. */
export function onReply(pace: Pace, latencyMs: number): Pace {
  const before = pace.latency ?? { usualMs: latencyMs, peakMs: latencyMs }
  const latency = {
    usualMs: before.usualMs + (latencyMs - before.usualMs) * USUAL_SHARE,
    peakMs: Math.max(latencyMs, before.peakMs + (latencyMs - before.peakMs) * PEAK_SHARE),
  }
  // One lost reply between others: perhaps it would have come. A unit that was silent for longer was dead.
  if (pace.lost === 1 && pace.latency)
    return { latency, factor: Math.min(FACTOR_MAX, pace.factor * 2), replies: 1, lost: 0, late: false }
  const calm = pace.replies + 1 >= CALM_REPLIES
  const factor = calm ? Math.max(FACTOR, pace.factor / 2) : pace.factor
  return { latency, factor, replies: calm ? 0 : pace.replies + 1, lost: 0, late: false }
}

/** No reply came in time. */
export function onLoss(pace: Pace): Pace {
  return { ...pace, lost: pace.lost + 1, replies: 0, late: false }
}

/** A reply of the unit came that nobody waited for any longer, so long after its request. */
export function onLateReply(pace: Pace, latencyMs: number): Pace {
  if (pace.lost === 0) return pace
  const usualMs = pace.latency?.usualMs ?? latencyMs
  return { ...pace, latency: { usualMs, peakMs: Math.max(latencyMs, pace.latency?.peakMs ?? 0) }, late: true }
}
