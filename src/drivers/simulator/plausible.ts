/** What a sound device would show at a point nobody said anything about. Pure. */
import type { PointSettings } from '../../settings.ts'
import { holdable, type ValueShape } from '../../simulation.ts'

interface Usual {
  readonly middle: number
  readonly swing: number
}

/** By unit, in a small three-phase site. */
const usual: Readonly<Record<string, Usual>> = {
  V: { middle: 230, swing: 3 },
  mV: { middle: 230_000, swing: 3_000 },
  kV: { middle: 0.23, swing: 0.003 },
  A: { middle: 6, swing: 2 },
  mA: { middle: 6_000, swing: 2_000 },
  W: { middle: 1_300, swing: 400 },
  kW: { middle: 1.3, swing: 0.4 },
  VA: { middle: 1_400, swing: 400 },
  kVA: { middle: 1.4, swing: 0.4 },
  var: { middle: 250, swing: 80 },
  kvar: { middle: 0.25, swing: 0.08 },
  Hz: { middle: 50, swing: 0.03 },
  '°C': { middle: 21, swing: 2 },
  '%': { middle: 55, swing: 10 },
  '°': { middle: 15, swing: 3 },
  bar: { middle: 2, swing: 0.2 },
}

/** Where the name says more than the unit: voltage between two phases, power factor. */
const named: readonly (readonly [RegExp, string, Usual])[] = [
  [/l\d_?l\d|line_to_line|phase_to_phase/, 'V', { middle: 400, swing: 5 }],
  [/power_factor|cos_?phi/, '', { middle: 0.97, swing: 0.01 }],
]

const PERIOD_MS = 60_000
/** A counter that has run for a while. */
const COUNTER_START = 12_345
const COUNTER_PER_SECOND = 0.05
const TOGGLE_MS = 10_000

/** Inside what is plausible for the point and what its registers hold; a wave for a number, growing for a counter. */
export function defaultShape(point: PointSettings): ValueShape {
  if (point.type === 'string') return { kind: 'fixed', value: 'SIMULATED'.slice(0, point.length * 2) }
  if (point.access !== 'ro') return { kind: 'fixed', value: isTruth(point) ? false : restingValue(point) }
  if (isTruth(point)) return { kind: 'toggle', everyMs: TOGGLE_MS }
  const room = roomOf(point)
  if (point.kind === 'counter') {
    const start = Math.min(Math.max(COUNTER_START, room.min), room.max / 2)
    return { kind: 'counter', start, perSecond: COUNTER_PER_SECOND }
  }
  const wanted = usualOf(point)
  const inside = wanted && wanted.middle - wanted.swing >= room.min && wanted.middle + wanted.swing <= room.max
  const { middle, swing } = inside ? wanted : middleOf(room)
  // Neighbours do not move together.
  return { kind: 'wave', middle, swing, periodMs: PERIOD_MS + ((point.address * 37) % 23) * 1_000 }
}

function isTruth({ type, register }: PointSettings): boolean {
  return type === 'bool' || type === 'bit' || register === 'coil' || register === 'discrete'
}

/** What can be written stands still until it is. */
function restingValue(point: PointSettings): number {
  const room = roomOf(point)
  return room.min <= 0 && room.max >= 0 ? 0 : room.min
}

/** Limits for writes, what is plausible, what the registers hold: the narrowest of them. */
function roomOf(point: PointSettings): { readonly min: number; readonly max: number } {
  const held = holdable(point)
  const ranges = [held, point.plausible]
  const min = Math.max(-1e9, point.min ?? -1e9, ...ranges.map((range) => range?.min ?? -1e9))
  const max = Math.min(1e9, point.max ?? 1e9, ...ranges.map((range) => range?.max ?? 1e9))
  return min <= max ? { min, max } : { min: held?.min ?? 0, max: held?.max ?? 0 }
}

function usualOf(point: PointSettings): Usual | undefined {
  const unit = point.unit ?? ''
  const byName = named.find(([pattern, its]) => its === unit && pattern.test(point.name))
  return byName?.[2] ?? usual[unit]
}

function middleOf(room: { readonly min: number; readonly max: number }): Usual {
  const reach = Math.min(room.max - room.min, 1_000)
  const middle = room.min <= 0 && room.max >= reach / 2 ? reach / 4 : room.min + (room.max - room.min) / 2
  return { middle, swing: reach / 10 }
}
