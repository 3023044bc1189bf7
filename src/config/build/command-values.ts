import type { ValueRule } from '../../command-settings.ts'
import { messageOf } from '../../errors.ts'
import { matchesPattern, wholePattern } from '../../value-pattern.ts'
import type { Path } from '../problem.ts'
import type { Command } from '../schema/command.ts'
import { nearest } from '../suggest.ts'
import type { Context } from './context.ts'

/** What is replaced by the value of a command. */
export const valueWord = '{value}'

/** What is replaced in other texts of the configuration, and not here. */
const otherWords = ['gateway', 'device', 'point', 'key', 'id', 'ts']

/** A text that may hold `{value}`. */
interface Text {
  readonly place: Path
  readonly text: string
}

/** Which values a command takes. Nothing is taken unchecked: `{value}` without a rule is an error. */
export function buildRule(
  context: Context,
  path: Path,
  options: { readonly values: Command['values']; readonly texts: readonly Text[] },
): ValueRule {
  const { values, texts } = options
  const place = [...path, 'values']
  for (const text of texts) checkWords(context, text)
  const user = texts.find(({ text }) => text.includes(valueWord))
  if (values === undefined) {
    if (user !== undefined && !context.attempted(place)) {
      const hint =
        'add values: { min: 0, max: 100 }, { one_of: [up, down] } or { pattern: "[A-Z]{1,8}" } to the command'
      context.error(user.place, `${valueWord} without values: anything could be sent`, { hint })
    }
    return {}
  }
  if (user === undefined) {
    const message = `${valueWord} stands nowhere, so the value is checked and then not used`
    context.warning(place, message, { hint: 'remove it', at: 'key' })
  }
  checkKinds(context, place)
  const { one_of: oneOf, min, max, pattern } = values
  if (min !== undefined && max !== undefined && min > max) {
    context.error([...place, 'max'], `max ${max} is below min ${min}`)
  }
  if (pattern !== undefined) checkPattern(context, [...place, 'pattern'], pattern)
  return {
    ...(oneOf === undefined ? {} : { oneOf }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(pattern === undefined ? {} : { pattern }),
  }
}

/** A value is a number, a text, or one of a list: one kind of rule says all. */
function checkKinds(context: Context, place: Path): void {
  const keys = ['one_of', 'min', 'max', 'pattern']
  const [first, ...others] = keys.filter((key) => context.written([...place, key]))
  if (first === undefined) {
    if (keys.some((key) => context.attempted([...place, key]))) return // wrong, and told
    context.error(place, 'values says nothing', { hint: 'write one_of, min and max, or pattern', at: 'key' })
    return
  }
  const other = others.find((key) => !(first === 'min' && key === 'max'))
  if (other === undefined) return
  context.error([...place, other], `${first} and ${other} exclude each other`, { hint: 'keep one of them', at: 'key' })
}

function checkPattern(context: Context, place: Path, pattern: string): void {
  try {
    const slow = slowTextOf(wholePattern(pattern), pattern)
    if (slow === undefined) return
    const message = `some texts take too long to match, such as ${slow.slice(0, 8)}..., and are refused then`
    const hint = 'repeat nothing that is repeated in itself, and say how often: [a-z]{1,16}'
    context.warning(place, message, { hint })
  } catch (error) {
    const said = messageOf(error).replace(/^Invalid regular expression: \/.*\/\w*: /s, '')
    context.error(place, `not a regular expression: ${said}`)
  }
}

/** What a value can be long, in the inbox. */
const longValue = 1_600
/** Pieces of a pattern that are tried out. */
const piecesMax = 24

/** A text of many equal pieces of the pattern, and one that fits nowhere, on which it does not come to an end. */
function slowTextOf(whole: RegExp, pattern: string): string | undefined {
  const pieces = new Set(['a', '0', ...(pattern.match(/[\p{L}\p{N}]+|./gsu) ?? []).slice(0, piecesMax)])
  for (const piece of pieces) {
    const text = piece.repeat(longValue / piece.length)
    for (const end of ['', '!', '\ufffd']) if (matchesPattern(whole, text + end) === undefined) return text + end
  }
  return undefined
}

/** Only `{value}` is replaced; whoever wrote something like it is told. */
function checkWords(context: Context, { place, text }: Text): void {
  if (text.includes(`$${valueWord}`)) {
    context.warning(place, `the $ before ${valueWord} is sent, too`, { hint: 'leave it out' })
  }
  for (const [whole, word = ''] of text.matchAll(/\{(\w+)\}/g)) {
    if (whole === valueWord) continue
    const isMeant = nearest(word, ['value']) !== undefined
    if (!isMeant && !otherWords.includes(word)) continue
    const hint = isMeant ? `write ${valueWord}` : `only ${valueWord} is replaced`
    context.warning(place, `${whole} is sent as it stands`, { hint })
  }
}
