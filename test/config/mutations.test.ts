/** Whatever a file holds: settings, or a config_invalid error with a place. Never another exception, never a stack. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { parseSettings } from '../../src/config/load.ts'
import { ConfigInvalid } from '../../src/config/problem.ts'

const originals = new Map(
  ['good-everything', 'good-southbound', 'good-profile', 'good-uplinks', 'good-commands'].map((name) => [
    name,
    read(name),
  ]),
)
const names = fc.constantFrom(...originals.keys())
const file = '/nonexistent/config.yaml'

interface Original {
  readonly text: string
  readonly folder: string
  readonly words: readonly string[]
  readonly lines: readonly string[]
}

function read(name: string): Original {
  const folder = fileURLToPath(new URL(`../cases/config/${name}`, import.meta.url))
  const text = readFileSync(join(folder, 'config.yaml'), 'utf8')
  return { text, folder, words: text.match(/[\w.+-]+/g) ?? [], lines: text.split('\n') }
}

function original(name: string): Original {
  const found = originals.get(name)
  assert.ok(found)
  return found
}

/** Returns what was said, or undefined when the text is good. Fails when something else than a ConfigInvalid is thrown. */
function said(text: string, folder = ''): ConfigInvalid | undefined {
  try {
    parseSettings(text, file, { env: { MQTT_PASSWORD: 'x' }, hostname: 'h', serialFolder: '/nonexistent', folder })
    return undefined
  } catch (error) {
    assert.ok(error instanceof ConfigInvalid, `${error instanceof Error ? error.stack : error}`)
    return error
  }
}

function checkPlaces(text: string, folder = ''): void {
  const error = said(text, folder)
  if (error === undefined) return
  const lines = text.split('\n')
  assert.ok(error.problems.length > 0)
  for (const problem of error.problems) {
    if (problem.line === 0) continue // the file as a whole
    const line = lines[problem.line - 1]
    assert.ok(line !== undefined, `line ${problem.line} of ${lines.length}`)
    assert.ok(problem.column >= 1 && problem.column <= line.length + 1, `column ${problem.column} of ${line.length}`)
    assert.notEqual(problem.message, '')
    assert.doesNotMatch(problem.message, /undefined|\[object|Error:|\bat .*\.ts/)
  }
}

const oddValues = [
  '',
  'null',
  '~',
  'true',
  '-1',
  '0',
  '1e999',
  '.nan',
  '0x',
  '[]',
  '{}',
  '[[1]]',
  '{a: 1}',
  '"',
  "'",
  '*x',
  '&x',
  '!x',
  '<<',
  '|',
  '>',
  '# ',
  ': ',
  '? ',
  '\t',
  '__proto__',
  'constructor',
  '99999999999999999999',
  '漢字',
  '\u0000',
  '\ud800',
  '${x}',
  '- ',
]

describe('a mutated configuration', () => {
  test('the original is good', () => {
    for (const { text, folder } of originals.values()) assert.equal(said(text, folder), undefined)
  })

  test('with a word replaced is good or refused with a place', () => {
    fc.assert(
      fc.property(names, fc.nat(), fc.oneof(fc.nat(), fc.constantFrom(...oddValues)), (name, index, odd) => {
        const one = original(name)
        const matches = [...one.text.matchAll(/[\w.+-]+/g)]
        const at = matches[index % matches.length]
        const other = typeof odd === 'number' ? one.words[odd % one.words.length] : odd
        const end = (at?.index ?? 0) + (at?.[0].length ?? 0)
        checkPlaces(one.text.slice(0, at?.index) + other + one.text.slice(end), one.folder)
      }),
      { numRuns: 200 },
    )
  })

  test('with a block in place of any value is refused with a place', () => {
    for (const { text, folder } of originals.values()) {
      for (const { index, 0: value } of text.matchAll(/(?<=: )[^{}[\],"'#\n]+/g)) {
        checkPlaces(`${text.slice(0, index)}{ a: 1 }${text.slice(index + value.length)}`, folder)
      }
    }
  })

  test('with lines dropped, doubled or moved is good or refused with a place', () => {
    const how = fc.constantFrom('drop', 'double', 'move', 'indent')
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(), how, (name, from, to, how) => {
        const { lines, folder } = original(name)
        const one = from % lines.length
        const changed = [...lines]
        const [line = ''] = how === 'double' ? [lines[one]] : changed.splice(one, 1)
        if (how === 'move' || how === 'double') changed.splice(to % lines.length, 0, line)
        if (how === 'indent') changed.splice(one, 0, `  ${line}`)
        checkPlaces(changed.join('\n'), folder)
      }),
      { numRuns: 150 },
    )
  })

  test('with characters inserted or cut off is good or refused with a place', () => {
    fc.assert(
      fc.property(names, fc.nat(), fc.string({ maxLength: 5 }), fc.boolean(), (name, place, text, cut) => {
        const one = original(name)
        const at = place % one.text.length
        checkPlaces(one.text.slice(0, at) + text + (cut ? '' : one.text.slice(at)), one.folder)
      }),
      { numRuns: 100 },
    )
  })

  test('that is no configuration at all is refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        checkPlaces(text)
        assert.notEqual(said(text), undefined)
      }),
      { numRuns: 100 },
    )
  })

  test('nested without end is refused, not a stack overflow', () => {
    for (const text of [
      '['.repeat(5_000),
      '{a: '.repeat(5_000),
      `a:\n${Array.from({ length: 300 }, (_, i) => `${' '.repeat(i + 1)}a:`).join('\n')}`,
    ]) {
      checkPlaces(text)
      assert.notEqual(said(text), undefined)
    }
  })
})
