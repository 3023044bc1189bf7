/** Whatever a file holds: settings, or a config_invalid error with a place. Never another exception, never a stack. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseSettings } from '../../src/config/load.ts'
import { ConfigInvalid } from '../../src/config/problem.ts'

const valid = readFileSync(new URL('../cases/config/good-everything/config.yaml', import.meta.url), 'utf8')
const file = '/nonexistent/config.yaml'
const options = {
  env: { MQTT_PASSWORD: 'x' },
  hostname: 'h',
  serialFolder: '/nonexistent',
  folder: new URL('../cases/config/good-everything', import.meta.url).pathname,
}

/** Returns what was said, or undefined when the text is good. Fails when something else than a ConfigInvalid is thrown. */
function said(text: string): ConfigInvalid | undefined {
  try {
    parseSettings(text, file, options)
    return undefined
  } catch (error) {
    assert.ok(error instanceof ConfigInvalid, `${error instanceof Error ? error.stack : error}`)
    return error
  }
}

function checkPlaces(text: string): void {
  const error = said(text)
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

const words = valid.match(/[\w.+-]+/g) ?? []
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
    assert.equal(said(valid), undefined)
  })

  test('with a word replaced is good or refused with a place', () => {
    fc.assert(
      fc.property(fc.nat(words.length - 1), fc.constantFrom(...words, ...oddValues), (index, other) => {
        const matches = [...valid.matchAll(/[\w.+-]+/g)]
        const at = matches[index]
        checkPlaces(valid.slice(0, at?.index) + other + valid.slice((at?.index ?? 0) + (at?.[0].length ?? 0)))
      }),
      { numRuns: 150 },
    )
  })

  test('with lines dropped, doubled or moved is good or refused with a place', () => {
    const lines = valid.split('\n')
    const index = fc.nat(lines.length - 1)
    fc.assert(
      fc.property(index, index, fc.constantFrom('drop', 'double', 'move', 'indent'), (one, other, how) => {
        const changed = [...lines]
        const [line = ''] = how === 'double' ? [lines[one]] : changed.splice(one, 1)
        if (how === 'move' || how === 'double') changed.splice(other, 0, line)
        if (how === 'indent') changed.splice(one, 0, `  ${line}`)
        checkPlaces(changed.join('\n'))
      }),
      { numRuns: 100 },
    )
  })

  test('with characters inserted or cut off is good or refused with a place', () => {
    fc.assert(
      fc.property(fc.nat(valid.length), fc.string({ maxLength: 5 }), fc.boolean(), (at, text, cut) => {
        checkPlaces(valid.slice(0, at) + text + (cut ? '' : valid.slice(at)))
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
