import { type Parsed, parseDuration, parseSize } from './units.ts'

/** Seconds in what a rate may be per. */
const spans: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600 }

/** Other spellings -> ours. */
const spellings: Readonly<Record<string, string>> = {
  sec: 's',
  second: 's',
  m: 'min',
  minute: 'min',
  hr: 'h',
  hour: 'h',
}

/** The patterns an editor checks against (JSON Schema). */
export const messageRatePattern = '^[0-9]+(\\.[0-9]+)?/(s|min|h)$'
export const commandRatePattern = '^[0-9]+/(s|min|h|[0-9]+(\\.[0-9]+)?(s|m|h|d))$'
export const byteRatePattern = '^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|KB|MB|GB)/(s|min|h)$'

const messagesPerSecondMax = 1_000_000
const commandsMax = 1_000_000

/** `20/s`, `100/min` -> messages per second. */
export function parseMessageRate(text: string): Parsed<{ readonly perSecond: number }> {
  const expected = `expected a rate such as 20/s or 100/min, got "${text}"`
  const [, amount = '', span = ''] = /^\s*(\d+(?:\.\d+)?)\s*\/\s*([a-z]+)\s*$/i.exec(text) ?? []
  const unit = unitOf(span)
  if (amount === '' || unit === undefined) return { problem: expected, ...bareHint(text) }
  const read = messagesPerSecond(Number(amount) / (spans[unit] ?? 1))
  if ('problem' in read || `${amount}/${unit}` === text) return read
  return { problem: expected, hint: `write ${amount}/${unit}` }
}

/** A bare number of messages is per second. */
export function messagesPerSecond(perSecond: number): Parsed<{ readonly perSecond: number }> {
  if (perSecond <= 0) return { problem: 'at this rate nothing is ever sent', hint: 'remove it to send without a limit' }
  if (perSecond > messagesPerSecondMax) return { problem: `${perSecond}/s is above ${messagesPerSecondMax}/s` }
  return { value: { perSecond } }
}

/** So many commands in so long. */
interface CommandRate {
  readonly commands: number
  readonly perMs: number
}

/** `10/1m`, `5/s`. */
export function parseCommandRate(text: string): Parsed<CommandRate> {
  const expected = `expected a rate such as 10/1m or 1/s, got "${text}"`
  const [, amount = '', span = ''] = /^\s*(\d+)\s*\/\s*(\S+)\s*$/.exec(text) ?? []
  if (amount === '') return { problem: expected }
  const unit = unitOf(span)
  const per = parseDuration(unit === undefined ? span : durationOf(unit))
  if ('problem' in per) {
    const meant = /^write (\d\S*)( for seconds.*)?$/.exec(per.hint ?? '')?.[1]
    return { problem: expected, ...(meant === undefined ? {} : { hint: `write ${amount}/${meant}` }) }
  }
  const written = unit === undefined || Object.hasOwn(spans, span) ? span : durationOf(unit)
  if (`${amount}/${written}` !== text) return { problem: expected, hint: `write ${amount}/${written}` }
  const commands = Number(amount)
  if (commands === 0) return { problem: 'at this rate every command is refused', hint: 'remove it for no limit' }
  if (commands > commandsMax) return { problem: `${commands} is above ${commandsMax}` }
  if (per.value < 1000 || per.value > 86_400_000) return { problem: `${span} is not within 1s to 1d` }
  return { value: { commands, perMs: per.value } }
}

/** What to say about a number of commands without a time. */
export function bareCommandRate(value: number): string {
  return `a rate needs a time, got ${value}\nwrite ${value}/1m`
}

/** `64KiB/s`, `1MB/min` -> bytes per second. */
export function parseByteRate(text: string): Parsed<{ readonly perSecond: number }> {
  const expected = `expected a rate such as 64KiB/s or 10MB/min, got "${text}"`
  const bits = bytesOfBits(text)
  if (bits !== undefined) return { problem: `${expected}; a rate is in bytes, not bits`, hint: `write ${bits}` }
  const [, amount = '', span] = /^\s*(.*?)\s*(?:\/\s*([a-z]+)\s*)?$/i.exec(text) ?? []
  const size = parseSize(amount)
  if ('problem' in size) return { problem: expected, ...sizeHint(amount, span) }
  const unit = unitOf(span ?? 's')
  if (unit === undefined) return { problem: expected }
  const perSecond = size.value / (spans[unit] ?? 1)
  if (span !== undefined && perSecond < 1) {
    return { problem: `${text} is below 1B/s`, hint: 'remove it to send without a limit' }
  }
  return `${amount}/${unit}` === text
    ? { value: { perSecond } }
    : { problem: expected, hint: `write ${amount}/${unit}` }
}

/** What to say about bytes without a unit. */
export function bareByteRate(value: number): string {
  return `a rate in bytes needs units, got ${value}\nwrite ${value}B/s for bytes or ${value}KiB/s`
}

function unitOf(span: string): string | undefined {
  const word = span.toLowerCase()
  if (Object.hasOwn(spans, word)) return word
  return spellings[word] ?? spellings[word.replace(/s$/, '')]
}

/** `min` -> `1m` */
function durationOf(unit: string): string {
  return `1${unit.charAt(0)}`
}

function bareHint(text: string): { hint?: string } {
  return /^\s*\d+(\.\d+)?\s*$/.test(text) ? { hint: `write ${text.trim()}/s` } : {}
}

function sizeHint(amount: string, span: string | undefined): { hint?: string } {
  const size = parseSize(amount.replace(/ps$/i, ''))
  const unit = unitOf(span ?? 's')
  if (unit === undefined) return {}
  if ('value' in size) return { hint: `write ${amount.replace(/ps$/i, '')}/${unit}` }
  const meant = /^write (\S+)$/.exec(size.hint ?? '')?.[1]
  return meant === undefined ? {} : { hint: `write ${meant}/${unit}` }
}

/** `512kbit/s` and `2Mbps`, as they stand in contracts for a line. */
function bytesOfBits(text: string): string | undefined {
  const [, amount, prefix = ''] = /^\s*(\d+(?:\.\d+)?)\s*([kM]?)(?:bits?|b)(?:\/s|ps)\s*$/i.exec(text) ?? []
  // A capital B is a byte everywhere but in the mouth of a salesman.
  if (amount === undefined || /B(\/s|ps)/.test(text)) return undefined
  const bytes = (Number(amount) / 8) * ({ k: 1e3, m: 1e6 }[prefix.toLowerCase()] ?? 1)
  return bytes >= 1000 ? `${bytes / 1000}KB/s` : `${bytes}B/s`
}
