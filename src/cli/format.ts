/** Quantities as people say them. Pure. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** 350 ms -> "0.4 s", 41 s -> "41 s", 41 min -> "41 min", then "2h 14m" and "12d 04h". Negative counts as 0. */
export function formatDuration(ms: number): string {
  if (ms < 9_950) return `${(Math.max(0, ms) / SECOND).toFixed(1)} s`
  if (ms < 119.5 * SECOND) return `${Math.round(ms / SECOND)} s`
  const minutes = Math.floor(ms / MINUTE)
  if (minutes < 100) return `${minutes} min`
  const hours = Math.floor(ms / HOUR)
  if (hours < 48) return `${hours}h ${twoDigits(minutes % 60)}m`
  return `${Math.floor(ms / DAY)}d ${twoDigits(hours % 24)}h`
}

/** "0.4 s ago"; "-" for never. */
export function formatAge(ms: number | undefined): string {
  return ms === undefined ? '-' : `${formatDuration(ms)} ago`
}

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Three digits at most: 999 B, 1.5 KiB, 212 MiB, 4 GiB. */
export function formatSize(bytes: number): string {
  let size = bytes
  let unit = 0
  while (size >= 999.5 && unit < sizeUnits.length - 1) {
    size /= 1024
    unit += 1
  }
  const text = size < 9.95 && unit > 0 ? size.toFixed(1).replace(/\.0$/, '') : String(Math.round(size))
  return `${text} ${sizeUnits[unit]}`
}

/** 12 345 678 in groups of three digits. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** 2.04 -> "2.0", 12.3 -> "12", 0.04 -> "0.04": two digits that count. */
export function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-'
  if (perSecond >= 9.95) return formatCount(Math.round(perSecond))
  return perSecond >= 0.995 || perSecond <= 0 ? perSecond.toFixed(1) : perSecond.toFixed(2)
}

const spans = [
  ['s', 1],
  ['min', 60],
  ['h', 3600],
] as const

const bytesOf = { GiB: 1024 ** 3, GB: 1e9, MiB: 1024 ** 2, MB: 1e6, KiB: 1024, KB: 1e3, B: 1 } as const

/** Messages per second as one would write it in a configuration: "20/s", "1/min", "12.3/s" where nothing is even. */
export function formatMessageRate(perSecond: number): string {
  const even = spans.find(([, seconds]) => isWhole(perSecond * seconds))
  if (even) return `${formatCount(Math.round(perSecond * even[1]))}/${even[0]}`
  const [span, seconds] = spans.find(([, length]) => perSecond * length >= 1) ?? ['h', 3600]
  return `${(perSecond * seconds).toFixed(1)}/${span}`
}

/** Bytes per second as one would write it in a configuration: "64KiB/s", "10MB/min". */
export function formatByteRate(perSecond: number): string {
  for (const [span, seconds] of spans) {
    const bytes = perSecond * seconds
    const unit = Object.entries(bytesOf).find(([, size]) => bytes / size < 1000 && isWhole(bytes / size))
    if (unit) return `${Math.round(bytes / unit[1])}${unit[0]}/${span}`
  }
  return `${formatSize(perSecond)}/s`
}

/** But for what is lost by a division. */
function isWhole(amount: number): boolean {
  return Math.round(amount) > 0 && Math.abs(amount - Math.round(amount)) < 1e-6 * amount
}

/** Unix ms as the clock on the wall says: "2026-11-20 06:00:00". */
export function formatTime(ts: number): string {
  const time = new Date(ts)
  const date = [time.getFullYear(), twoDigits(time.getMonth() + 1), twoDigits(time.getDate())].join('-')
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(':')}`
}

/** "1 thing", "2 things". */
export function formatNumberOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
