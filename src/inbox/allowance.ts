/** How many commands of a key are still allowed, when only so many may come in so long (token bucket). Pure. */

export interface Rate {
  readonly commands: number
  readonly perMs: number
}

export interface Allowance {
  /** Commands that may come at once. */
  readonly left: number
  /** CLOCK_MONOTONIC in ms at which that was so. */
  readonly mono: number
}

/** Takes one. `waitMs`: 0 when it was there, else after how long there will be one. Without a history all are there. */
export function take(
  rate: Rate,
  before: Allowance | undefined,
  mono: number,
): { readonly after: Allowance; readonly waitMs: number } {
  const msEach = rate.perMs / rate.commands
  const gained = before ? Math.max(0, mono - before.mono) / msEach : 0
  const left = before ? Math.min(rate.commands, before.left + gained) : rate.commands
  // What is missing by no more than rounding is there.
  const isThere = left >= 1 - 1e-9
  return {
    after: { left: isThere ? Math.max(0, left - 1) : left, mono: before ? Math.max(mono, before.mono) : mono },
    waitMs: isThere ? 0 : Math.ceil((1 - left) * msEach),
  }
}
