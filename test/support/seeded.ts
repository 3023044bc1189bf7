import { chance } from '../../src/drivers/simulator/chance.ts'

/** Chance that can be replayed: a test prints its seed, and TIDEGATE_SEED brings the same run again. */
export interface Chance {
  readonly seed: number
  /** In [0, 1). */
  next(): number
  /** An integer in [from, through]. */
  between(from: number, through: number): number
  /** True with the probability given. */
  hits(probability: number): boolean
  /** One of the items, which must not be none. */
  oneOf<T>(items: readonly T[]): T
}

/** The seed of TIDEGATE_SEED, or a new one. */
export function newSeed(): number {
  const given = process.env['TIDEGATE_SEED']
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
}

export function chanceOf(seed: number): Chance {
  const next = chance(seed)
  return {
    seed,
    next,
    between: (from, through) => from + Math.floor(next() * (through - from + 1)),
    hits: (probability) => next() < probability,
    oneOf: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
  }
}
