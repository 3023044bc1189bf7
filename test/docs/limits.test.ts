/** The table under "Limits" in ARCHITECTURE.md says what the source says, and names every limit there is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root, sourceFiles } from '../support/source-tree.ts'

interface Row {
  readonly constant: string
  /** In the smallest unit: ms, bytes, or whatever is counted. */
  readonly value: number
  readonly file: string
}

/** What a word behind a number multiplies it with; every other word names what is counted. */
const units: Readonly<Record<string, number>> = {
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  KiB: 1024,
  MiB: 1024 ** 2,
}

const files = new Map(sourceFiles('src').map((file) => [file.path.replace(/^src\//, ''), file.text]))
const rows = limitRows()

describe('the limits in ARCHITECTURE.md', () => {
  test('each constant stands in its file with the value of the table', () => {
    const wrong = rows.flatMap(({ constant, value, file }) => {
      const text = files.get(file)
      if (text === undefined) return [`${file} is not there (${constant})`]
      const found = constantsOf(text).get(constant)
      return found === value ? [] : [`${constant} in ${file} is ${found}, the table says ${value}`]
    })
    assert.deepEqual(wrong, [])
  })

  // The size of a fixed header is part of MQTT: nothing can be beyond it.
  test('no constant named as a limit is missing from the table', () => {
    const listed = new Set(rows.map(({ constant, file }) => `${constant} in ${file}`))
    const missing = [...files].flatMap(([file, text]) =>
      [...constantsOf(text).keys()]
        .filter((name) => /_(MAX|KEPT)(_|$)/.test(name) && !name.startsWith('FIXED_HEADER'))
        .map((name) => `${name} in ${file}`)
        .filter((limit) => !isSimulated(file) && !listed.has(limit)),
    )
    assert.deepEqual(missing, [], 'a limit needs a row in ARCHITECTURE.md: what happens at it?')
  })

  test('values are read as people write them', () => {
    const shown = ['10 min', '64 KiB', '50_000 commands', '2 timeouts', '700 ms', '1 h']
    assert.deepEqual(shown.map(numberOf), [600_000, 65_536, 50_000, 2, 700, 3_600_000])
    const text = [
      'const A_MAX = 2 * 1_024',
      'export const B_MS: number = A_MAX + 3',
      'const words = 4',
      '  const C_MAX = 1',
    ]
    assert.deepEqual(
      [...constantsOf(text.join('\n'))],
      [
        ['A_MAX', 2048],
        ['B_MS', 2051],
        ['words', 4],
      ],
    )
  })
})

/** Neither the demo nor the simulated plant is part of a gateway. */
function isSimulated(file: string): boolean {
  return file.startsWith('drivers/simulator/') || file.startsWith('cli/demo/')
}

function limitRows(): Row[] {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith('Limits\n')) ?? ''
  const found = section.split('\n').flatMap((line) => {
    const [, constant, value, file] = /^\| `(\w+)` \| ([^|]+) \| [^|]+ \| `([^`]+)` \|$/.exec(line) ?? []
    return constant && value && file ? [{ constant, value: numberOf(value), file }] : []
  })
  const lines = section.split('\n').filter((line) => line.startsWith('| `')).length
  assert.ok(found.length > 50 && found.length === lines, `${lines} rows, ${found.length} of them understood`)
  return found
}

/** "64 KiB" -> 65536 */
function numberOf(text: string): number {
  const [, digits = '', unit = ''] = /^([\d_.]+)(?: (\w+))?/.exec(text.trim()) ?? []
  return Number(digits.replaceAll('_', '')) * (units[unit] ?? 1)
}

/** Constants of a module whose value is a number or a sum or product of numbers and such constants. */
function constantsOf(text: string): ReadonlyMap<string, number> {
  const known = new Map<string, number>()
  for (const [, name = '', expression = ''] of text.matchAll(
    /^(?:export )?const (\w+)(?:: number)? = ([\w +*.]+)$/gm,
  )) {
    const sum = expression.split('+').map((term) => term.split('*').map((factor) => numberBehind(factor.trim(), known)))
    const value = sum.reduce((total, factors) => total + factors.reduce((product, factor) => product * factor, 1), 0)
    if (!Number.isNaN(value)) known.set(name, name.endsWith('_MIB') ? value * 1024 ** 2 : value)
  }
  return known
}

function numberBehind(word: string, known: ReadonlyMap<string, number>): number {
  return known.get(word) ?? Number(word.replaceAll('_', ''))
}
