/**
 * Durations and sizes as people write them. Both always carry a unit: a bare number is refused with the text to write
 * instead, because seconds, milliseconds and minutes are all "obvious" to somebody.
 */

/** What reading a text gave: the value, or what is wrong with it and what to write instead. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string; readonly hint?: string }

interface Scale {
  readonly noun: string
  readonly example: string
  readonly units: Readonly<Record<string, number>>
  /** Other spellings -> ours. */
  readonly spellings: Readonly<Record<string, string>>
}

const durations: Scale = {
  noun: 'duration',
  example: '10s, 500ms, 1m, 2h or 30d',
  units: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  spellings: {
    msec: 'ms',
    millis: 'ms',
    millisecond: 'ms',
    milliseconds: 'ms',
    sec: 's',
    secs: 's',
    second: 's',
    seconds: 's',
    min: 'm',
    mins: 'm',
    minute: 'm',
    minutes: 'm',
    hr: 'h',
    hrs: 'h',
    hour: 'h',
    hours: 'h',
    day: 'd',
    days: 'd',
  },
}

const kibi = 1024
const sizes: Scale = {
  noun: 'size',
  example: '4GiB, 100MB or 16KiB',
  units: { B: 1, KiB: kibi, MiB: kibi ** 2, GiB: kibi ** 3, TiB: kibi ** 4, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 },
  spellings: { k: 'KiB', kb: 'KB', kib: 'KiB', m: 'MiB', mb: 'MB', mib: 'MiB', g: 'GiB', gb: 'GB', gib: 'GiB', b: 'B' },
}

/** The pattern an editor checks against (JSON Schema). */
export const durationPattern = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$'
export const sizePattern = '^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB)$'

/** `10s`, `1.5h`, `500ms` -> ms. */
export function parseDuration(text: string): Parsed<number> {
  return parse(text, durations)
}

/** `4GiB` (powers of 1024), `100MB` (powers of 1000) -> bytes. */
export function parseSize(text: string): Parsed<number> {
  return parse(text, sizes)
}

/** What to say about a duration without a unit. */
export function bareDuration(value: number): { problem: string; hint: string } {
  return bare(value, durations, `write ${value}s for seconds or ${value}ms for milliseconds`)
}

/** What to say about a size without a unit. */
export function bareSize(value: number): { problem: string; hint: string } {
  return bare(value, sizes, `write ${value}B for bytes, ${value}MiB or ${value}GiB`)
}

/** ms -> `1.5h`, in the largest unit that needs at most one decimal. */
export function formatDuration(ms: number): string {
  return format(ms, [
    [durations.units['d'] ?? 1, 'd'],
    [durations.units['h'] ?? 1, 'h'],
    [durations.units['m'] ?? 1, 'm'],
    [1000, 's'],
    [1, 'ms'],
  ])
}

/** bytes -> `4GiB`, in the largest binary unit that needs at most one decimal. */
export function formatSize(bytes: number): string {
  return format(bytes, [
    [kibi ** 4, 'TiB'],
    [kibi ** 3, 'GiB'],
    [kibi ** 2, 'MiB'],
    [kibi, 'KiB'],
    [1, 'B'],
  ])
}

function format(amount: number, units: readonly (readonly [number, string])[]): string {
  for (const [factor, unit] of units) {
    const tenths = Math.round((amount / factor) * 10)
    if (amount >= factor && (tenths * factor) / 10 === amount) return `${tenths / 10}${unit}`
  }
  return `${amount}${units.at(-1)?.[1] ?? ''}`
}

function bare(value: number, scale: Scale, hint: string): { problem: string; hint: string } {
  if (value === 0)
    return { problem: `0 is a ${scale.noun} without a unit`, hint: `write ${scale === durations ? '0s' : '0B'}` }
  return { problem: `${value} is a ${scale.noun} without a unit`, hint }
}

function parse(text: string, scale: Scale): Parsed<number> {
  const parts = /^\s*(-?[\d_,]*\.?\d*)\s*([\p{L}]*)\s*$/u.exec(text)
  const amount = parts?.[1] ?? ''
  const word = parts?.[2] ?? ''
  const expected = `expected a ${scale.noun} such as ${scale.example}`
  if (!/\d/.test(amount)) return { problem: `${expected}, got "${text}"` }
  if (amount.startsWith('-')) return { problem: `a ${scale.noun} cannot be negative, got "${text}"` }
  if (word === '' && /^[\d.]+$/.test(amount)) {
    return scale === durations ? bareDuration(Number(amount)) : bareSize(Number(amount))
  }
  const factor = scale.units[word]
  if (factor === undefined || !/^\d+(\.\d+)?$/.test(amount) || amount + word !== text) {
    const unit = factor === undefined ? spelling(word, scale) : word
    const clean = amount.replace(/[_,]/g, '')
    if (unit === undefined) return { problem: `${expected}, got "${text}"` }
    return { problem: `${expected}, got "${text}"`, hint: `write ${clean}${unit}` }
  }
  const value = Number(amount) * factor
  // 0.1s is 100 in every digit that matters, but not in binary fractions.
  const whole = Math.round(value)
  if (Math.abs(value - whole) > 1e-6) {
    return { problem: `"${text}" is not a whole number of ${scale === durations ? 'milliseconds' : 'bytes'}` }
  }
  return { value: whole }
}

function spelling(word: string, scale: Scale): string | undefined {
  const lower = word.toLowerCase()
  return scale.spellings[lower] ?? (Object.hasOwn(scale.units, lower) ? lower : undefined)
}
