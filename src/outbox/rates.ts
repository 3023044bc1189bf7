import type { Clock } from '../clock.ts'

/** How often counts are noted, and over how long a rate is taken. */
const SAMPLE_MS = 5_000
const SPAN_MS = 60_000

/** What counts up: numbers issued, and what each uplink got an answer for. */
export type Totals = ReadonlyMap<string, number>

interface Sample {
  readonly mono: number
  readonly totals: Totals
}

/** Rates over the last minute, or as long as it runs, from counts that only grow. */
export class Rates {
  readonly #clock: Pick<Clock, 'mono' | 'wait'>
  readonly #totals: () => Totals
  readonly #ending = new AbortController()
  #samples: Sample[] = []

  constructor(clock: Pick<Clock, 'mono' | 'wait'>, totals: () => Totals) {
    this.#clock = clock
    this.#totals = totals
  }

  start(): void {
    this.sample()
    void this.#run()
  }

  stop(): void {
    this.#ending.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    for (;;) {
      await this.#clock.wait(SAMPLE_MS, signal)
      if (signal.aborted) return
      this.sample()
    }
  }

  /** Notes the counts as they are now; keeps one sample that is older than the span. */
  sample(): void {
    const mono = this.#clock.mono()
    this.#samples.push({ mono, totals: this.#totals() })
    const outside = this.#samples.findLastIndex((sample) => mono - sample.mono >= SPAN_MS)
    if (outside > 0) this.#samples = this.#samples.slice(outside)
  }

  /** Per second since the oldest sample; undefined when that was less than a second ago. */
  perSecond(name: string): number | undefined {
    const [oldest] = this.#samples
    if (!oldest) return undefined
    const seconds = (this.#clock.mono() - oldest.mono) / 1000
    if (seconds < 1) return undefined
    return ((this.#totals().get(name) ?? 0) - (oldest.totals.get(name) ?? 0)) / seconds
  }
}
