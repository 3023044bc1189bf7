import type { NewRecord } from '../model.ts'

/** What was counted when a session ended, or when the report is due; all since the start of the agent. */
export interface OutageCounts {
  /** CLOCK_MONOTONIC in ms. */
  readonly now: number
  /** Records delivered that were marked late. */
  readonly late: number
  /** Records this uplink wanted that were given up. */
  readonly dropped: number
}

export interface OutageReport {
  /** Why there was no session first: the code of `Closed`. */
  readonly reason: string
  /** Sessions that ended, until everything from before was delivered; 0: there had been none yet. */
  readonly cuts: number
  /** Without a session, in all. */
  readonly durationMs: number
  /** Records delivered late. */
  readonly late: number
  /** Records that had no answer when a session ended. */
  readonly unanswered: number
  /** Records that were given up meanwhile: the cloud never gets them. */
  readonly missing: number
}

interface Current {
  readonly reason: string
  readonly before: OutageCounts
  cuts: number
  durationMs: number
  unanswered: number
  /** While there is no session. */
  downSince: number | undefined
}

/**
 * Keeps the books of an outage of one uplink, from the end of a session (or the first try to connect that failed) until
 * everything made before the next one is delivered. Another end meanwhile belongs to the same outage.
 */
export class Outage {
  #current: Current | undefined

  /** A session ended, with so many records unanswered. */
  cut(reason: string, unanswered: number, counts: OutageCounts): void {
    const current = this.#begin(reason, counts)
    current.cuts += 1
    current.unanswered += unanswered
    current.downSince ??= counts.now
  }

  /** No session came to be. */
  failed(reason: string, counts: OutageCounts): void {
    const current = this.#begin(reason, counts)
    current.downSince ??= counts.now
  }

  /** There is a session. */
  up(now: number): void {
    if (this.#current?.downSince === undefined) return
    this.#current.durationMs += now - this.#current.downSince
    this.#current.downSince = undefined
  }

  /** Is there something to report as soon as all is delivered? */
  get isReportDue(): boolean {
    return this.#current !== undefined && this.#current.downSince === undefined
  }

  /** Everything made before the session is delivered: the report, once. */
  take(counts: OutageCounts): OutageReport | undefined {
    const current = this.#current
    if (!current || current.downSince !== undefined) return undefined
    this.#current = undefined
    const { reason, cuts, durationMs, unanswered, before } = current
    const late = counts.late - before.late
    return { reason, cuts, durationMs, late, unanswered, missing: counts.dropped - before.dropped }
  }

  #begin(reason: string, before: OutageCounts): Current {
    this.#current ??= { reason, before, cuts: 0, durationMs: 0, unanswered: 0, downSince: undefined }
    return this.#current
  }
}

/**
 * The event by which the cloud is told. What had no answer is sent a second time (`duplicates`). An uplink that sends at most
 * once waits for no answers: there it is 0, and what was lost on the way nobody can tell.
 */
export function outageRecord(report: OutageReport, to: { readonly uplink: string; readonly mono: number }): NewRecord {
  const { reason, cuts, durationMs, late, unanswered, missing } = report
  const fields = {
    event: 'outage',
    reason,
    cuts,
    duration_ms: Math.round(durationMs),
    late,
    duplicates: unanswered,
    missing,
  }
  return { kind: 'event', source: '', body: JSON.stringify(fields).slice(1, -1), to: to.uplink, mono: to.mono }
}
