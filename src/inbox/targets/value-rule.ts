/** Values of commands that no point describes: what they may be, and how they get into a text. Pure. */
import type { ValueRule } from '../../command-settings.ts'
import { type Value, valueJson } from '../../model.ts'
import { matchesPattern, wholePattern } from '../../value-pattern.ts'
import { VALUE_LENGTH_MAX } from '../outcome.ts'
import { show } from '../parse.ts'
import type { Fit } from '../target.ts'
import type { CommandValue } from '../value.ts'

const PLACE = '{value}'
const CHOICES_NAMED = 5

/**
 * A command without any rule takes no value; `true` stands for none, where a message cannot be empty. Control characters
 * are only in what the configuration lists: they end lines and messages.
 */
export function fitRule(rule: ValueRule, value: CommandValue | undefined): Fit {
  const { oneOf, min, max, pattern } = rule
  if (oneOf === undefined && min === undefined && max === undefined && pattern === undefined) {
    return value === undefined || value === true ? { ok: true } : no(value, 'true: this command takes no value')
  }
  if (value === undefined) return { ok: false, reason: '"value" is missing' }
  if (typeof value === 'object') return no(value, 'a single value')
  const text = textOf(value)
  const isListed = oneOf?.some((one) => isEqual(one, value)) ?? false
  if (oneOf && !isListed) return no(value, `one of ${choicesOf(oneOf)}`)
  const limits = limitsOf(rule)
  if (limits !== undefined && (typeof value === 'string' || typeof value === 'boolean' || !isWithin(rule, value))) {
    return no(value, `a number, ${limits}`)
  }
  if (isListed) return { ok: true, value }
  if (text.length > VALUE_LENGTH_MAX) {
    return { ok: false, reason: `value has ${text.length} characters, at most ${VALUE_LENGTH_MAX} are allowed` }
  }
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) return no(value, 'text without control characters')
  if (pattern !== undefined) {
    const matches = matchesPattern(wholePattern(pattern), text)
    if (matches === undefined) return { ok: false, reason: `it takes too long to match the value with ${pattern}` }
    if (!matches) return no(value, `a match of ${pattern}`)
  }
  return { ok: true, value }
}

/** Puts the value into a text, at every `{value}`. */
export function fill(text: string, value: CommandValue | undefined): string {
  return value === undefined || typeof value === 'object' ? text : text.replaceAll(PLACE, () => textOf(value))
}

/** As in JSON, text without its quotes. */
function textOf(value: Value): string {
  return typeof value === 'string' ? value : (valueJson(value) ?? '')
}

function isEqual(listed: Value, value: Value): boolean {
  return listed === value || (Number.isInteger(listed) && typeof value === 'bigint' && BigInt(listed) === value)
}

/** The first few: the sender is told for every command. */
function choicesOf(oneOf: readonly Value[]): string {
  const named = oneOf.slice(0, CHOICES_NAMED).map(show).join(', ')
  return oneOf.length > CHOICES_NAMED ? `${named} or ${oneOf.length - CHOICES_NAMED} more` : named
}

function isWithin({ min = -Infinity, max = Infinity }: ValueRule, value: number | bigint): boolean {
  return value >= min && value <= max
}

function limitsOf({ min, max }: ValueRule): string | undefined {
  if (min === undefined) return max === undefined ? undefined : `at most ${max}`
  return max === undefined ? `at least ${min}` : `${min} to ${max}`
}

function no(value: CommandValue, wanted: string): Fit {
  return { ok: false, reason: `value is ${show(value)}, wanted ${wanted}` }
}
