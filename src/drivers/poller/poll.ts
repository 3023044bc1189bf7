import type { Sample } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'
import type { PlannedRead } from '../driver.ts'
import { silenceOf } from './health.ts'

/** Parts of one poll that may go unanswered, after others were answered, before the rest of it is given up. */
const LOST_PARTS_MAX = 2

/**
 * A poll of one device under way: read part by part, so that others have their turn in between, and handed on as a whole.
 * No I/O, no clock.
 */
export class Poll {
  /** How long its reads took so far, ms. */
  tookMs = 0
  readonly points: readonly PointSettings[]
  readonly #parts: readonly (readonly PointSettings[])[]
  readonly #samples: Sample[] = []
  #done = 0
  #lost = 0
  #isGivenUp = false

  /** `parts`: what is read by one call each; together the points of the poll. */
  constructor(parts: readonly (readonly PointSettings[])[]) {
    this.#parts = parts
    this.points = parts.flat()
  }

  /** What is to be read next; undefined: it is over. */
  get next(): readonly PointSettings[] | undefined {
    return this.#isGivenUp ? undefined : this.#parts[this.#done]
  }

  /** Was it read in several calls? */
  get isDivided(): boolean {
    return this.#parts.length > 1
  }

  /** Of all points, as soon as it is over. */
  get samples(): readonly Sample[] {
    return this.#samples
  }

  /** What the next part brought. A device that does not answer at all is not asked further. */
  take(samples: readonly Sample[], tookMs: number): void {
    this.#samples.push(...samples)
    this.#done += 1
    this.tookMs += tookMs
    const silence = silenceOf(samples)
    if (silence === undefined) return
    this.#lost += 1
    if (this.#lost === this.#done || this.#lost >= LOST_PARTS_MAX) this.giveUp(silence)
  }

  /** Nothing more of it can be read: the rest has this code. */
  giveUp(code: string): void {
    if (this.next === undefined) return
    this.#isGivenUp = true
    for (const { name } of this.#parts.slice(this.#done).flat()) this.#samples.push({ point: name, error: code })
  }
}

/** The points by the request that reads them, each once; those that no request reads are with the first. */
export function partsOf(
  points: readonly PointSettings[],
  reads: readonly PlannedRead[],
): readonly (readonly PointSettings[])[] {
  const readOf = new Map<string, number>()
  for (const [index, read] of reads.entries())
    for (const name of read.points) if (!readOf.has(name)) readOf.set(name, index)
  return [...Map.groupBy(points, (point) => readOf.get(point.name) ?? 0).values()]
}
