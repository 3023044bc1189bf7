import type { Fault, ScriptedFault } from '../../simulation.ts'
import { chance } from './chance.ts'
import { noFault } from './fault.ts'

interface Entry {
  readonly scripted: ScriptedFault
  readonly next: () => number
  played: number
  /** The last period it was played in, where each has one. */
  period: number
}

/** Says for each request which fault is played. The same script and the same requests give the same faults. */
export class FaultScript {
  readonly #entries: readonly Entry[]

  constructor(script: readonly ScriptedFault[]) {
    this.#entries = script.map((scripted) => ({ scripted, next: chance(scripted.seed), played: 0, period: -1 }))
  }

  /** For the next request, `ms` after the start: the first fault of the script that applies. */
  next(ms: number): Fault {
    let chosen: Entry | undefined
    for (const entry of this.#entries) {
      // Drawn for every request, so that what one entry does never shifts the chance of another.
      const hit = entry.scripted.share === undefined || entry.next() < entry.scripted.share
      if (hit && chosen === undefined && applies(entry, ms)) chosen = entry
    }
    if (chosen === undefined) return noFault
    chosen.played += 1
    chosen.period = periodAt(chosen.scripted, ms)
    return chosen.scripted.fault
  }
}

function applies({ scripted, played, period }: Entry, ms: number): boolean {
  if (ms < scripted.fromMs || ms >= (scripted.untilMs ?? Number.POSITIVE_INFINITY)) return false
  if (played >= (scripted.times ?? Number.POSITIVE_INFINITY)) return false
  if (scripted.everyMs === undefined) return true
  if (scripted.forMs === undefined) return periodAt(scripted, ms) > period
  return (ms - scripted.fromMs) % scripted.everyMs < scripted.forMs
}

function periodAt({ fromMs, everyMs }: ScriptedFault, ms: number): number {
  return everyMs === undefined ? 0 : Math.floor((ms - fromMs) / everyMs)
}
