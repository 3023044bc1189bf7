/** Values over time for simulated points: seconds in, value out. */
import type { Value } from '../../model.ts'
import type { ValueShape } from '../../simulation.ts'
import { chance } from './chance.ts'

/** No simulation needs to catch up on more steps of a random walk than these; the others are left out. */
const STEPS_AT_ONCE_MAX = 10_000

/** A value by the seconds since the start. Call it with growing seconds. */
export type ValueSource = (seconds: number) => Value

export function sourceOf(shape: ValueShape): ValueSource {
  switch (shape.kind) {
    case 'fixed':
      return () => shape.value
    case 'wave':
      return wave({ middle: shape.middle, swing: shape.swing, periodSeconds: shape.periodMs / 1000 })
    case 'ramp':
      return (seconds) => shape.from + (shape.to - shape.from) * (((seconds * 1000) % shape.periodMs) / shape.periodMs)
    case 'counter':
      return counter(shape)
    case 'random':
      return randomWalk(shape)
    case 'toggle':
      return (seconds) => Math.floor((seconds * 1000) / shape.everyMs) % 2 === 1
  }
}

/** Swings around `middle` by `swing`, once in `periodSeconds`. */
export function wave(shape: { readonly middle: number; readonly swing: number; readonly periodSeconds: number }) {
  return (seconds: number) => shape.middle + shape.swing * Math.sin((2 * Math.PI * seconds) / shape.periodSeconds)
}

/** Counts up from `start` by `perSecond`, as an energy meter does. */
export function counter(shape: { readonly start: number; readonly perSecond: number }) {
  return (seconds: number) => shape.start + shape.perSecond * seconds
}

/** Begins in the middle and takes a step of at most `step` up or down every `everyMs`; bounces off `min` and `max`. */
function randomWalk(shape: Extract<ValueShape, { kind: 'random' }>): ValueSource {
  const next = chance(shape.seed)
  let value = (shape.min + shape.max) / 2
  let steps = 0
  return (seconds) => {
    const target = Math.floor((seconds * 1000) / shape.everyMs)
    steps = Math.max(steps, target - STEPS_AT_ONCE_MAX)
    for (; steps < target; steps++) {
      const moved = value + (next() * 2 - 1) * shape.step
      const bounced = moved > shape.max ? 2 * shape.max - moved : moved < shape.min ? 2 * shape.min - moved : moved
      value = Math.min(shape.max, Math.max(shape.min, bounced))
    }
    return value
  }
}

/** A truck scale: empty, a truck drives on (unstable), stands (stable), drives off. Kilograms, in steps of 5. */
export function truck(seconds: number): { readonly stable: boolean; readonly kilograms: number } {
  const phase = seconds % 20
  const load = 12_340 + (Math.floor(seconds / 20) % 7) * 1_685
  if (phase < 5) return { stable: true, kilograms: 0 }
  if (phase < 8) return { stable: false, kilograms: Math.round(((phase - 5) / 3) * (load / 5)) * 5 }
  if (phase < 17) return { stable: true, kilograms: Math.round(load / 5) * 5 }
  return { stable: false, kilograms: Math.round(((20 - phase) / 3) * (load / 5)) * 5 }
}
