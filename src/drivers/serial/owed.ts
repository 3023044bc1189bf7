/**
 * Answers that did not come in time and may still come. Pure. An answer of these devices does not say which question it
 * belongs to; so who owes one is not asked again, nor is anybody whose answers look the same, until it has come or is too
 * old to be waited for.
 */
import type { DeviceSettings } from '../../settings.ts'

export interface Owed {
  readonly device: DeviceSettings
  /** When it was asked, on the monotonic clock in ms. */
  readonly askedAt: number
}

/** An answer that has not come this many timeouts after its question is lost. */
export const LATE_TIMEOUTS_MAX = 3

/** Without those that are too old to be waited for. */
export function stillOwed(
  owed: readonly Owed[],
  { now, timeoutMs }: { readonly now: number; readonly timeoutMs: number },
): readonly Owed[] {
  return owed.filter(({ askedAt }) => now < askedAt + LATE_TIMEOUTS_MAX * timeoutMs)
}

/** An answer came of one of these devices. It settles what is owed if there is no doubt whose it was. */
export function settled(owed: readonly Owed[], possible: readonly DeviceSettings[]): readonly Owed[] {
  const index = owed.findIndex(({ device }) => possible.includes(device))
  return possible.length > 1 || index < 0 ? owed : owed.toSpliced(index, 1)
}
