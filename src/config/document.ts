import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import type { Finding, Path, Place } from './problem.ts'
import { syntaxFindings, type TextFinding } from './syntax.ts'

/** Blocks within blocks; the schema needs 7. Deeper files are no configuration and would only exhaust the stack. */
const depthMax = 20

/** A parsed file: its plain value, and the way back from a path to the text. */
export interface Tree {
  /** Maps as objects without prototype, lists as arrays, integers beyond 2^53 as bigint. */
  readonly value: unknown
  /** Where a key or a value stands; the nearest enclosing one when the path leads nowhere. */
  place(path: Path, at: Finding['at']): Place
  /** The scalar as written (`0x7F`, `8E1`), undefined when the path leads to none. */
  source(path: Path): string | undefined
}

export interface ParsedText {
  /** Absent when the text is not YAML. */
  readonly tree?: Tree
  readonly syntax: readonly TextFinding[]
  readonly findings: readonly Finding[]
}

interface Span {
  readonly start: number
  readonly end: number
}

/** YAML text -> tree. Never throws; anchors, aliases and tags are findings, they have no place in a configuration. */
export function parseText(text: string): ParsedText {
  const counter = new LineCounter()
  const options = { stringKeys: true, intAsBigInt: true, prettyErrors: false, resolveKnownTags: false }
  const document = parseDocument(text, { lineCounter: counter, ...options })
  const place = (start: number, end: number) => placeOf(text, counter, { start, end })
  const syntax = syntaxFindings(document.errors, { text, place })
  // After a duplicate key the tree is still whole, so the other errors can be told in the same run.
  if (document.errors.some((error) => error.code !== 'DUPLICATE_KEY')) return { syntax, findings: [] }
  const findings: Finding[] = []
  const value = plain(document.contents, [], findings)
  return { tree: new DocumentTree(document, value, place), syntax, findings }
}

class DocumentTree implements Tree {
  readonly value: unknown
  readonly #document: Document.Parsed
  readonly #place: (start: number, end: number) => Place

  constructor(document: Document.Parsed, value: unknown, place: (start: number, end: number) => Place) {
    this.#document = document
    this.value = value
    this.#place = place
  }

  place(path: Path, at: Finding['at']): Place {
    let node: unknown = this.#document.contents
    let key: unknown = isMap(node) ? node.items[0]?.key : node
    let complete = true
    for (const step of path) {
      const pair = isMap(node) ? pairOf(node, step) : undefined
      const next = pair ? pair.value : isSeq(node) && typeof step === 'number' ? node.items[step] : undefined
      if (pair === undefined && next === undefined) {
        complete = false
        break
      }
      key = pair ? pair.key : next
      node = next
    }
    const value = complete && at === 'value' ? spanOf(node) : undefined
    const span = value && value.end > value.start ? value : (spanOf(key) ?? { start: 0, end: 1 })
    return this.#place(span.start, span.end)
  }

  source(path: Path): string | undefined {
    const node = this.#document.getIn(path, true)
    return isScalar(node) ? node.source : undefined
  }
}

function pairOf(map: YAMLMap, key: string | number): Pair | undefined {
  // The first of duplicates, as in the plain value.
  return map.items.find((pair) => keyText(pair) === String(key))
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value ?? '') : String(pair.key)
}

function spanOf(node: unknown): Span | undefined {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  if (!Array.isArray(range)) return undefined
  return { start: Number(range[0]), end: Number(range[1]) }
}

/** Marks at most to the end of the line it begins on. */
function placeOf(text: string, counter: LineCounter, span: Span): Place {
  const lastLine = counter.lineStarts.length
  // An error at the very end (a quote never closed) belongs behind the last character, not on a line of its own.
  const start = Math.min(span.start, Math.max(0, text.trimEnd().length))
  const found = counter.linePos(start)
  const line = Math.min(Math.max(1, found.line), Math.max(1, lastLine))
  const newline = text.indexOf('\n', start)
  const end = Math.min(span.end, newline < 0 ? text.length : newline)
  const marked = text.slice(start, end).trimEnd()
  return { line, column: Math.max(1, found.col), length: Math.max(1, marked.length) }
}

function plain(node: unknown, path: Path, findings: Finding[]): unknown {
  if (path.length > depthMax) {
    findings.push({ path, at: 'key', message: `more than ${depthMax} blocks within each other` })
    return undefined
  }
  if (isAlias(node)) {
    const message = `*${node.source} is a YAML alias; aliases are not supported`
    findings.push({ path, at: 'value', message, hint: 'write the value out here' })
    return undefined
  }
  if (isMap(node)) return plainMap(node, path, findings)
  if (isSeq(node)) {
    refuseDecoration(node, path, findings)
    return node.items.map((item, index) => plain(item, [...path, index], findings))
  }
  if (isScalar(node)) {
    refuseDecoration(node, path, findings)
    return plainScalar(node.value, node.source)
  }
  return null
}

function plainMap(map: YAMLMap, path: Path, findings: Finding[]): Record<string, unknown> {
  refuseDecoration(map, path, findings)
  const result: Record<string, unknown> = Object.create(null)
  for (const pair of map.items) {
    const key = keyText(pair)
    if (!Object.hasOwn(result, key)) result[key] = plain(pair.value, [...path, key], findings)
  }
  return result
}

/** Integers keep all their digits; those written with leading zeros are codes (a coil's 00013), so they stay text. */
function plainScalar(value: unknown, source: string | undefined): unknown {
  if (typeof value !== 'bigint') return value
  if (source !== undefined && /^[-+]?0\d+$/.test(source)) return source
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function refuseDecoration(node: { tag?: string; anchor?: string }, path: Path, findings: Finding[]): void {
  if (node.anchor !== undefined) {
    const message = `&${node.anchor} is a YAML anchor; anchors and aliases are not supported`
    findings.push({ path, at: 'value', message, hint: 'write the value out where it is needed' })
  }
  if (node.tag !== undefined) {
    const tag = node.tag.replace('tag:yaml.org,2002:', '!!')
    const hint = tag === '!secret' ? 'write secret:NAME, without the exclamation mark' : `remove ${tag}`
    findings.push({ path, at: 'value', message: `${tag} is a YAML tag; tags are not supported`, hint })
  }
}
