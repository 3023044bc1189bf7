/**
 * Style and shape as a test: what may import what, no cycles, sizes, and words that must not stand in the tree. The table
 * of ARCHITECTURE.md is read from there, so that page and test cannot drift apart.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root, type SourceFile, sourceFiles } from './support/source-tree.ts'

const FILE_LINES_MAX = 400
const FILE_LINES_MEDIAN_MAX = 120
const FUNCTION_LINES_MAX = 70

const files = sourceFiles('src')

describe('the shape of src', () => {
  test('every file imports only what the table in ARCHITECTURE.md allows', () => {
    const table = importTable()
    const forbidden: string[] = []
    for (const file of files) {
      const rule = table.find(({ module }) => matches(module, file.path))
      if (!rule) {
        forbidden.push(`${file.path} is in no row of the table`)
        continue
      }
      for (const target of file.imports) {
        if (isOwnFolder(file.path, target)) continue
        if (!rule.may.some((pattern) => matches(pattern, target))) forbidden.push(`${file.path} -> ${target}`)
      }
    }
    assert.deepEqual(forbidden, [])
  })

  test('a stage imports its own sql.ts from nowhere; only the storage thread does', () => {
    const importers = files.filter((file) => file.imports.some((target) => target.endsWith('/sql.ts')))
    assert.deepEqual(
      importers.map((file) => file.path),
      ['src/storage/thread.ts'],
    )
  })

  test('there are no import cycles', () => {
    assert.deepEqual(cycles(files), [])
  })

  test('every relative import exists', () => {
    const known = new Set(files.map((file) => file.path))
    const missing = files.flatMap((file) =>
      file.imports
        .filter((target) => target.startsWith('src/') && !known.has(target))
        .map((t) => `${file.path} -> ${t}`),
    )
    assert.deepEqual(missing, [])
  })
})

describe('sizes', () => {
  test(`no file of src has more than ${FILE_LINES_MAX} lines`, () => {
    const long = files.filter((file) => file.lines > FILE_LINES_MAX).map((file) => `${file.path}: ${file.lines}`)
    assert.deepEqual(long, [])
  })

  test(`the median file of src has at most ${FILE_LINES_MEDIAN_MAX} lines`, () => {
    const sorted = files.map((file) => file.lines).sort((a, b) => a - b)
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0
    assert.ok(median <= FILE_LINES_MEDIAN_MAX, `the median is ${median}`)
  })

  test(`no function of src or scripts has more than ${FUNCTION_LINES_MAX} lines`, () => {
    const long = [...files, ...sourceFiles('scripts')].flatMap((file) =>
      file.functions
        .filter((each) => each.lines > FUNCTION_LINES_MAX)
        .map((each) => `${file.path}:${each.line} ${each.name}: ${each.lines}`),
    )
    assert.deepEqual(long, [])
  })
})

describe('words', () => {
  const everything = [...files, ...sourceFiles('test'), ...sourceFiles('scripts')]

  test('process.exit stands in main.ts only', () => {
    const found = files.filter((file) => file.path !== 'src/main.ts' && /\bprocess\.exit\(/.test(file.text))
    assert.deepEqual(
      found.map((file) => file.path),
      [],
    )
  })

  test('no test sleeps, none is narrowed or left undone', () => {
    const pattern = new RegExp(
      `\\b(it|test|describe)\\.(only|todo)\\(|${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}`,
    )
    const found = everything.filter((file) => pattern.test(file.text)).map((file) => file.path)
    assert.deepEqual(found, [])
  })

  test('the names that the glossary replaced do not come back', () => {
    const pattern = /\b(slave|slaveId|slave_id|masters?|masterId)\b/i
    // Words of other tools are recognised in configurations, so they stand where they are translated.
    const translators = /src\/config\/(foreign-words|suggest)|test\//
    const found = files.filter((file) => !translators.test(file.path) && pattern.test(file.text))
    assert.deepEqual(
      found.map((file) => file.path),
      [],
    )
    const pages = [
      'README.md',
      ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => join('docs', name)),
    ]
    // What mbpoll prints is quoted as it is.
    const old = (page: string) => withoutQuotes(readFileSync(join(root, page), 'utf8')).match(/\bmasters?\b/i) !== null
    assert.ok(pages.length > 10)
    assert.deepEqual(pages.filter(old), [])
  })
})

/** Without the blocks of a page in which something is quoted. */
function withoutQuotes(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '')
}

interface Rule {
  readonly module: string
  readonly may: readonly string[]
}

/** Rows of the table under "Allowed imports": `| module | may import |`, patterns in backticks. */
function importTable(): Rule[] {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith('Allowed imports')) ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  assert.ok(rows.length > 5, 'ARCHITECTURE.md has no table of allowed imports')
  return rows.flatMap((row) => {
    const [modules = '', may = ''] = row.split('|').slice(1)
    return patterns(modules).map((module) => ({ module, may: patterns(may) }))
  })
}

function patterns(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => `src/${match[1]}`)
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('/') ? path.startsWith(pattern) : path === pattern
}

function isOwnFolder(from: string, to: string): boolean {
  const folder = (path: string) => path.split('/').slice(0, 2).join('/')
  return from.split('/').length > 2 && folder(from) === folder(to)
}

function cycles(all: readonly SourceFile[]): string[] {
  const byPath = new Map(all.map((file) => [file.path, file]))
  const state = new Map<string, 'open' | 'done'>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    state.set(path, 'open')
    for (const target of byPath.get(path)?.imports ?? []) visit(target, [...trail, path])
    state.set(path, 'done')
  }
  for (const file of all) visit(file.path, [])
  return found
}
