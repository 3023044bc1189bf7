/** What the pages point at is there, and what they show can be read. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { loadSettings } from '../../src/config/load.ts'
import { emptyFolder } from '../support/program.ts'
import { root } from '../support/source-tree.ts'
import { allPages, blocksOf, pageText } from './pages.ts'

const pages = allPages()

describe('links', () => {
  test('the pages are found', () => {
    for (const page of ['README.md', 'ARCHITECTURE.md', 'docs/recovery.md', 'docs/uplinks/mqtt.md'])
      assert.ok(pages.includes(page), page)
  })

  test('every relative link leads to a file, and to a heading of it', () => {
    const broken: string[] = []
    for (const page of pages) {
      for (const link of linksOf(pageText(page))) {
        const problem = problemOf(page, link)
        if (problem !== undefined) broken.push(`${page}: ${link}: ${problem}`)
      }
    }
    assert.deepEqual(broken, [])
  })

  test('every page of docs is linked from one of the two pages that people begin with', () => {
    const links = ['README.md', 'ARCHITECTURE.md'].flatMap((page) => linksOf(pageText(page)))
    const linked = new Set(links.map((link) => link.split('#')[0]))
    const lonely = pages.filter((page) => page.startsWith('docs/') && !linked.has(page))
    assert.deepEqual(lonely, [])
  })

  test('every file that the tables and lists of ARCHITECTURE.md name is there', () => {
    const named = pathsOf(pageText('ARCHITECTURE.md'))
    assert.ok(named.length > 100, `only ${named.length} paths were found`)
    assert.deepEqual(
      named
        .filter(({ candidates }) => !candidates.some((path) => existsSync(join(root, path))))
        .map(({ path }) => path),
      [],
    )
  })
})

describe('examples', () => {
  test('every JSON example parses, whole or line by line', () => {
    const examples = pages.flatMap((page) => blocksOf(pageText(page)).filter(({ language }) => language === 'json'))
    assert.ok(examples.length >= 5)
    for (const { text } of examples) for (const document of documentsOf(text)) JSON.parse(document)
  })

  test('every YAML example parses, and the whole ones are configurations', (t) => {
    const examples = pages.flatMap((page) => blocksOf(pageText(page)).filter(({ language }) => language === 'yaml'))
    const whole = examples.filter(({ text }) => text.startsWith('version:'))
    assert.ok(whole.length >= 3)
    for (const { text } of examples) parse(text)
    for (const { text } of whole) loadSettings(configurationFile(t, text), { env: {}, hostname: 'box' })
  })

  test('an example that does not parse would be noticed', () => {
    const [block] = blocksOf('text\n\n```json\n{"a":1}\n{"b":}\n```\n')
    assert.throws(() => documentsOf(block?.text ?? '').map((document) => JSON.parse(document)), SyntaxError)
  })
})

/** Targets of links that stay in the repository, without those in code. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

function problemOf(page: string, link: string): string | undefined {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(root, target))) return 'there is no such file'
  if (heading === undefined || headingsOf(readFileSync(join(root, target), 'utf8')).includes(heading)) return undefined
  return 'there is no such heading'
}

/** As the usual renderers make them: lower case, no punctuation, dashes for blanks. */
function headingsOf(text: string): string[] {
  return [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

interface NamedPath {
  readonly path: string
  readonly candidates: readonly string[]
}

/** Words in backticks that look like a path. They stand without src/, test files without their ending. */
function pathsOf(text: string): NamedPath[] {
  const lines = text.replace(/^```[\s\S]*?^```$/gm, '').split('\n')
  const entries = lines.filter((line) => /^(\||\d+\.)/.test(line))
  return entries.flatMap((line) => {
    let folder = ''
    return [...line.matchAll(/`([\w.-]+\/?(?:[\w.-]+\/?)*)`/g)].flatMap(([, path = '']) => {
      if (!path.includes('/') && !path.endsWith('.ts')) return []
      const candidates = [path, `src/${path}`, `${path}.test.ts`, `src/${folder}/${path}`]
      if (path.includes('/')) folder = dirname(path)
      return [{ path, candidates }]
    })
  })
}

function documentsOf(text: string): string[] {
  const lines = text.trimEnd().split('\n')
  return lines.every((line) => line.startsWith('{') && line.endsWith('}')) ? lines : [text]
}

/** Beside the secrets that the examples name. */
function configurationFile(t: TestContext, text: string): string {
  const folder = emptyFolder(t)
  mkdirSync(join(folder, 'credentials'))
  writeFileSync(join(folder, 'credentials', 'cloud-mq'), 'secret')
  const file = join(folder, 'config.yaml')
  writeFileSync(file, text)
  return file
}
