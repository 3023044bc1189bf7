import type { AudienceRow } from './operations.ts'

/**
 * The `target` of a record that only an uplink wants that is not configured. No uplink ever has this number; an audience is
 * no way to say it, because one that nobody knows (any more) stands for everybody.
 */
export const NOBODY = Number.MAX_SAFE_INTEGER

/**
 * Who wants a record, in one number that is stored with it (`target`): 0 everybody; above 0 only the uplink with that number;
 * below 0 everybody but the uplinks of an audience. It is decided once, when the record is made, so that a filter that is
 * changed later touches nothing that is stored (P12).
 *
 * An audience names those who do NOT want a record, because they are what is known then: an uplink that comes later is in no
 * audience, and decides by itself. An audience that damage took away stands for everybody: rather too much than a loss.
 */
export class Audiences {
  readonly #without = new Map<number, ReadonlySet<number>>()
  readonly #numbers = new Map<string, number>()
  #highest = 0
  #unstored: AudienceRow[] = []

  /** `isNeeded` false: no row refers to what is stored, and only its numbers stay used. */
  constructor(stored: readonly AudienceRow[] = [], isNeeded = true) {
    for (const { audience, without } of stored) {
      this.#highest = Math.max(this.#highest, audience)
      if (isNeeded) this.#know(audience, without)
    }
  }

  /** The target of a record that everybody wants but these uplinks. */
  targetOf(without: readonly number[]): number {
    if (without.length === 0) return 0
    const sorted = [...without].sort((a, b) => a - b)
    const known = this.#numbers.get(String(sorted))
    if (known !== undefined) return -known
    this.#highest += 1
    this.#know(this.#highest, sorted)
    this.#unstored.push({ audience: this.#highest, without: sorted })
    return -this.#highest
  }

  #know(audience: number, without: readonly number[]): void {
    this.#without.set(audience, new Set(without))
    this.#numbers.set(String(without), audience)
  }

  /** Does the uplink want a record with this target? */
  includes(uplink: number, target: number): boolean {
    if (target >= 0) return target === 0 || target === uplink
    return !this.#without.get(-target)?.has(uplink)
  }

  /** What the next commit must store, with or before the rows that refer to it. */
  takeUnstored(): AudienceRow[] {
    return this.#unstored.splice(0)
  }

  get all(): AudienceRow[] {
    return [...this.#without].map(([audience, without]) => ({ audience, without: [...without] }))
  }
}
