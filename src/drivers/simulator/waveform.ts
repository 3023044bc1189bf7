/** Values over time for simulated points. Pure: seconds in, value out. */

/** Swings around `middle` by `swing`, once in `periodSeconds`. */
export function wave(shape: { readonly middle: number; readonly swing: number; readonly periodSeconds: number }) {
  return (seconds: number) => shape.middle + shape.swing * Math.sin((2 * Math.PI * seconds) / shape.periodSeconds)
}

/** Counts up from `start` by `perSecond`, as an energy meter does. */
export function counter(shape: { readonly start: number; readonly perSecond: number }) {
  return (seconds: number) => Math.floor(shape.start + shape.perSecond * seconds)
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
