import { hundredths } from '../../clock.ts'
import type { Phase } from '../../uplink/mqtt/opening/phase.ts'

/** How a message gets to the cloud, step by step; a connection has some of them. */
export type StepName = Phase | 'puback'

export interface Step {
  readonly step: StepName
  /** How long it took, or until it failed. */
  readonly ms: number
}

/** Takes the time of each step: one ends where the next begins. `now` is in ms, with fractions. */
export class Stopwatch {
  readonly #now: () => number
  readonly #steps: Step[] = []
  #open: { readonly step: StepName; readonly since: number } | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** Steps that are over. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  begin(step: StepName): void {
    this.end()
    this.#open = { step, since: this.#now() }
  }

  end(): void {
    if (!this.#open) return
    this.#steps.push({ step: this.#open.step, ms: hundredths(this.#now() - this.#open.since) })
    this.#open = undefined
  }
}
