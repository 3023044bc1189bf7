import { z } from 'zod'
import { nearest } from './suggest.ts'
import { bareDuration, bareSize, durationPattern, type Parsed, parseDuration, parseSize, sizePattern } from './units.ts'

/**
 * The building blocks of the schema. A message of theirs may hold a hint behind a line break; `explain.ts` takes the two
 * apart.
 */

/** No text in a configuration is longer. */
const textLengthMax = 4096

/** A text of at least one character. */
export function text(options: { max?: number } = {}) {
  const max = options.max ?? textLengthMax
  return z
    .string()
    .min(1, 'is empty')
    .max(max, { error: (issue) => `has ${String(issue.input).length} characters, at most ${max} are allowed` })
}

/** A whole number from `min` to `max`; `note` says why there is a limit. */
export function whole(min: number, max: number, note = '') {
  return z
    .int()
    .min(min, outside(`below ${min}`, note))
    .max(max, outside(`above ${max}`, note))
}

/** Any finite number. */
export function real() {
  return z.number()
}

/** true or false. */
export function flag() {
  return z.boolean()
}

/** One of some words. */
export function choice<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words)
}

/** `10s`, read as ms. */
export function duration(limits: { readonly min?: string; readonly max?: string } = {}) {
  return z
    .string({ error: (issue) => (typeof issue.input === 'number' ? joined(bareDuration(issue.input)) : undefined) })
    .meta({ pattern: durationPattern, ...rangeNote(limits) })
    .transform(reader(parseDuration, limits))
}

/** `4GiB`, read as bytes. */
export function size(limits: Limits = {}) {
  return z
    .string({ error: (issue) => (typeof issue.input === 'number' ? joined(bareSize(issue.input)) : undefined) })
    .meta({ pattern: sizePattern, ...rangeNote(limits) })
    .transform(reader(parseSize, limits))
}

/** A text that `parse` turns into something better; `numeric` says what to tell somebody who wrote a number. */
export function parsed<T extends string | object>(
  parse: (text: string) => Parsed<T>,
  options: { readonly pattern?: string; readonly numeric?: (value: number) => string } = {},
) {
  return z
    .string({
      error: ({ input }) => (typeof input === 'number' && options.numeric ? options.numeric(input) : undefined),
    })
    .meta(options.pattern === undefined ? {} : { pattern: options.pattern })
    .transform(reader(parse))
}

/** A message and a hint as one string. */
export function joined(said: { readonly problem: string; readonly hint?: string }): string {
  return said.hint === undefined ? said.problem : `${said.problem}\n${said.hint}`
}

/** `; did you mean "x"?` or nothing. */
export function meant(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates)
  return near === undefined ? '' : `; did you mean "${near}"?`
}

/** The range in words, for the documentation; JSON Schema has no keyword for it. */
function rangeNote({ min, max }: Limits): { $comment?: string } {
  if (min !== undefined && max !== undefined) return { $comment: `${min} to ${max}` }
  if (max !== undefined) return { $comment: `at most ${max}` }
  return min === undefined ? {} : { $comment: `at least ${min}` }
}

interface Limits {
  readonly min?: string
  readonly max?: string
  /** Why there is a lower limit. */
  readonly note?: string
}

function reader<T extends string | number | object>(parse: (text: string) => Parsed<T>, limits: Limits = {}) {
  const bound = (limit: string | undefined) => {
    const read = limit === undefined ? undefined : parse(limit)
    return read && 'value' in read ? read.value : undefined
  }
  const min = bound(limits.min) ?? Number.NEGATIVE_INFINITY
  const max = bound(limits.max) ?? Number.POSITIVE_INFINITY
  return (input: string, context: z.core.$RefinementCtx<string>): T => {
    const read = parse(input)
    if ('problem' in read) return complain(context, joined(read))
    if (read.value < min) {
      return complain(context, `${input} is below ${limits.min}${limits.note === undefined ? '' : ` (${limits.note})`}`)
    }
    if (read.value > max) return complain(context, `${input} is above ${limits.max}`)
    return read.value
  }
}

function complain(context: z.core.$RefinementCtx<string>, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

function outside(limit: string, note: string) {
  return {
    error: (issue: { input?: unknown }) => `${String(issue.input)} is ${limit}${note === '' ? '' : ` (${note})`}`,
  }
}
