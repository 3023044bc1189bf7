import type { NewRecord } from '../model.ts'
import type { LossRow } from './operations.ts'

/** Why records were given up. */
export type LossReason = 'max_age' | 'max_size' | 'min_free_disk' | 'memory' | 'expires_after' | 'damage' | 'operator'

/** An episode ends when nothing was given up for this long. */
const EPISODE_END_MS = 60_000

interface Episode extends LossRow {
  /** When the last record was given up (CLOCK_MONOTONIC, ms). */
  readonly touchedAt: number
}

/**
 * The loss ledger (P4): every episode of giving records up has one open row per uplink and reason, which becomes one
 * record, delivered to that uplink, when it ends.
 */
export class Ledger {
  readonly #open = new Map<string, Episode>()
  readonly #changed = new Set<string>()
  readonly #closed: [uplink: number, reason: string][] = []

  /** `stored`: episodes that were open when the agent stopped; they end now. */
  constructor(stored: readonly LossRow[] = []) {
    for (const row of stored)
      this.#open.set(key(row.uplink, row.reason), { ...row, touchedAt: Number.NEGATIVE_INFINITY })
  }

  add(
    uplink: number,
    reason: LossReason,
    record: {
      readonly seq: number
      readonly boot: number
      readonly mono: number
      /** More than one: so many of `seq` to `last`. */
      readonly count?: number
      readonly last?: number
    },
    now: number,
  ): void {
    const name = key(uplink, reason)
    const open = this.#open.get(name)
    const { seq, boot, mono, count = 1, last = seq } = record
    this.#open.set(name, {
      uplink,
      reason,
      first: open ? Math.min(open.first, seq) : seq,
      last: open ? Math.max(open.last, last) : last,
      count: (open?.count ?? 0) + count,
      firstBoot: open?.firstBoot ?? boot,
      firstMono: open?.firstMono ?? mono,
      lastBoot: boot,
      lastMono: mono,
      touchedAt: now,
    })
    this.#changed.add(name)
  }

  /** The episodes that are open. */
  get episodes(): Iterable<Readonly<LossRow>> {
    return this.#open.values()
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Ends the episodes that are over (all with `force`) and gives the records to append, in the same commit that closes
   * them. `wallOf` gives Unix ms for a stamp, `nameOf` the uplink's name.
   */
  end(
    now: number,
    context: {
      readonly wallOf: (boot: number, mono: number) => number
      readonly nameOf: (uplink: number) => string | undefined
      readonly force?: boolean
    },
  ): NewRecord[] {
    const records: NewRecord[] = []
    for (const [name, episode] of this.#open) {
      if (!context.force && now - episode.touchedAt < EPISODE_END_MS) continue
      const to = context.nameOf(episode.uplink)
      // Nobody can be told now: the episode of an absent uplink stays open until it is back.
      if (to === undefined) continue
      this.#open.delete(name)
      this.#changed.delete(name)
      this.#closed.push([episode.uplink, episode.reason])
      records.push({ kind: 'event', source: '', body: bodyOf(episode, context.wallOf), to, mono: now })
    }
    return records
  }

  /** An uplink was forgotten: nobody is to be told any more. */
  forget(uplink: number): void {
    for (const [name, episode] of this.#open) {
      if (episode.uplink !== uplink) continue
      this.#open.delete(name)
      this.#changed.delete(name)
    }
  }

  /** What the next commit must store. */
  take(): { losses: LossRow[]; closedLosses: [number, string][] } {
    const losses = [...this.#changed].flatMap((name) => {
      const episode = this.#open.get(name)
      return episode ? [{ ...episode }] : []
    })
    this.#changed.clear()
    return { losses, closedLosses: this.#closed.splice(0) }
  }
}

function key(uplink: number, reason: string): string {
  return `${uplink}/${reason}`
}

function bodyOf(episode: Episode, wallOf: (boot: number, mono: number) => number): string {
  const { reason, first, last, count } = episode
  const fields = {
    event: 'dropped',
    reason,
    first,
    last,
    count,
    first_ts: wallOf(episode.firstBoot, episode.firstMono),
    last_ts: wallOf(episode.lastBoot, episode.lastMono),
  }
  return JSON.stringify(fields).slice(1, -1)
}
