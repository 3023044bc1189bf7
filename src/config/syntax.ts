import type { YAMLError } from 'yaml'
import type { Place } from './problem.ts'

/** A finding that has a place in the text but none in a tree, because there is no tree. */
export interface TextFinding {
  readonly place: Place
  readonly message: string
  readonly hint?: string
}

interface Source {
  readonly text: string
  readonly place: (start: number, end: number) => Place
}

/**
 * What is wrong with the text, in our words where they can be better. All duplicate keys, but only the first of the other
 * errors: one broken bracket makes many behind it.
 */
export function syntaxFindings(errors: readonly YAMLError[], source: Source): TextFinding[] {
  const duplicates = errors.filter((error) => error.code === 'DUPLICATE_KEY')
  const first = errors.find((error) => error.code !== 'DUPLICATE_KEY')
  return [...duplicates, ...(first ? [first] : [])].map((error) => ({
    place: source.place(...range(error, source.text)),
    ...words(error),
  }))
}

function range(error: YAMLError, text: string): [start: number, end: number] {
  const [start, end] = error.pos
  if (error.code === 'DUPLICATE_KEY') {
    const colon = text.indexOf(':', start)
    return [start, colon < 0 ? end : colon]
  }
  // A quote that is never closed runs to the end of the file, so the last one in it is the one that opened.
  const quote = unclosedQuote(error)
  const opened = quote === undefined ? -1 : text.lastIndexOf(quote, start)
  return opened < 0 ? [start, end] : [opened, opened + 1]
}

function unclosedQuote(error: YAMLError): string | undefined {
  return error.code === 'MISSING_CHAR' ? /closing (["'])/.exec(error.message)?.[1] : undefined
}

function words(error: YAMLError): { message: string; hint?: string } {
  const said = error.message.charAt(0).toLowerCase() + error.message.slice(1)
  const bracket = /^Flow .* end with a ([}\]])/.exec(error.message)?.[1]
  if (bracket !== undefined) {
    return {
      message: `a ${bracket === '}' ? '{' : '['} before this is never closed`,
      hint: `is a ${bracket} or a comma missing?`,
    }
  }
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return { message: 'this key stands twice in the same block', hint: 'names are unique; rename or remove one' }
    case 'TAB_AS_INDENT':
      return { message: 'a tab cannot indent in YAML', hint: 'use spaces' }
    case 'MULTIPLE_DOCS':
      return { message: 'a second document begins here', hint: 'a configuration is one document; remove the ---' }
    case 'BAD_SCALAR_START':
      return { message: `not valid YAML: ${said}`, hint: 'put the text in quotes' }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { message: 'not valid YAML: a second ": " on one line', hint: 'put a text that holds ": " in quotes' }
    case 'BAD_DQ_ESCAPE':
      return { message: `not valid YAML: ${said}`, hint: "use single quotes '...' for a text with backslashes" }
    case 'NON_STRING_KEY':
      return { message: 'a key must be one word' }
    case 'UNEXPECTED_TOKEN':
      return { message: `not valid YAML: ${said}`, hint: 'put a text with braces, brackets or colons in quotes' }
    case 'MISSING_CHAR': {
      const quote = unclosedQuote(error)
      return { message: quote === undefined ? `not valid YAML: ${said}` : `this ${quote} is never closed` }
    }
    case 'RESOURCE_EXHAUSTION':
      return { message: 'the brackets are nested too deeply' }
    default:
      return { message: `not valid YAML: ${said}` }
  }
}
