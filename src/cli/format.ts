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
