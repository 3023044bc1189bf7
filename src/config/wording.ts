import type { z } from 'zod'
import { meant } from './field.ts'
import { isLaterValue } from './later.ts'
import { shown } from './shown.ts'
import { anyOf } from './suggest.ts'

type RawIssue = z.core.$ZodRawIssue

/**
 * zod's issues in our words: what was expected, what was found. For unknown keys the "message" is the list of allowed
 * ones, from which `explain.ts` makes one message per key.
 */
export function wording(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input)
    case 'invalid_value':
      return notOneOf(issue.values.map(String), issue.input)
    case 'invalid_union':
      return issue.discriminator === undefined
        ? undefined
        : wrongKind(issue.discriminator, issue['options'], issue.input)
    case 'unrecognized_keys':
      return allowedKeys(issue.inst).join(',')
    default:
      return undefined
  }
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a block of keys',
  record: 'a block of names',
  array: 'a list',
}

function wrongType(expected: string, input: unknown): string {
  const message = `expected ${nouns[expected] ?? expected}, got ${shown(input)}`
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) {
    return `${message}\nput it in quotes: "${input}"`
  }
  if (expected === 'boolean' && typeof input === 'string') {
    const word = input.toLowerCase()
    if (['yes', 'on', 'y'].includes(word)) return `${message}\nwrite true`
    if (['no', 'off', 'n'].includes(word)) return `${message}\nwrite false`
  }
  if ((expected === 'number' || expected === 'int') && typeof input === 'string' && input.trim() !== '') {
    const value = Number(input)
    if (Number.isFinite(value)) return `${message}\nwrite it without quotes or leading zeros: ${value}`
  }
  return message
}

function notOneOf(words: readonly string[], input: unknown): string {
  const given = typeof input === 'object' ? '' : String(input)
  if (isLaterValue(given)) return `"${given}" is not in this version yet\nexpected ${anyOf(words)}`
  return `expected ${anyOf(words)}, got ${shown(input)}${meant(given, words)}`
}

function wrongKind(key: string, options: unknown, input: unknown): string {
  const words = Array.isArray(options) ? options.map(String) : []
  const given = typeof input === 'object' && input !== null ? Reflect.get(input, key) : undefined
  return notOneOf(words, given)
}

/** The keys of the object schema an issue came from. */
function allowedKeys(schema: RawIssue['inst']): string[] {
  const definition = schema?._zod.def
  const shape = definition !== undefined && 'shape' in definition ? definition.shape : undefined
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : []
}
