import assert from 'node:assert/strict'
import { test } from 'node:test'
import { narrowTable, wrappedTable } from '../../src/cli/narrow.ts'
import { wrapped } from '../../src/cli/wrapped.ts'

const long = 'word '.repeat(20).trim()

test('a text is broken at blanks, and a word that is longer than a line stays whole', () => {
  assert.deepEqual(wrapped(`! ${long}`, '  '), [`! ${'word '.repeat(15).trim()}`, `  ${'word '.repeat(5).trim()}`])
  assert.deepEqual(wrapped(`a ${'x'.repeat(90)} b`, '  '), ['a', `  ${'x'.repeat(90)}`, '  b'])
  assert.deepEqual(wrapped('x'.repeat(90)), ['x'.repeat(90)])
  assert.deepEqual(wrapped('  a   b'), ['  a   b'])
  assert.deepEqual(wrapped(''), [''])
})

test('80 columns fit, 81 do not', () => {
  const word = 'x'.repeat(78)
  assert.deepEqual(wrapped(`a ${word}`), [`a ${word}`])
  assert.deepEqual(wrapped(`ab ${word}`), ['ab', word])
})

test('a number stays with its unit', () => {
  const word = 'x'.repeat(74)
  for (const size of ['3 MiB', '12 ms', '100 %', '41 min', '1 333', '1 234 567', '12 345 MiB']) {
    assert.deepEqual(wrapped(`${word} ${size}, b`), [word, `${size}, b`])
  }
})

test('columns are cut in the order given, as far as need be', () => {
  const row = ['n'.repeat(30), 't'.repeat(30), 'l'.repeat(30)]
  const [line = ''] = narrowTable([row], [1, 2])
  assert.equal(line, `${'n'.repeat(30)}  ${'t'.repeat(15)}…  ${'l'.repeat(30)}`)
  const [both = ''] = narrowTable([[...row, 'x'.repeat(20)]], [1, 2])
  assert.equal(both, `${'n'.repeat(30)}  ttttt…  ${'l'.repeat(17)}…  ${'x'.repeat(20)}`)
  assert.deepEqual(narrowTable([['a', 'b']], [0]), ['a  b'])
})

test('the last column is continued below its beginning', () => {
  const lines = wrappedTable(
    [
      ['NAME', '5', long],
      ['b', '12', ''],
    ],
    { right: [1] },
  )
  assert.deepEqual(lines, [
    `NAME   5  ${'word '.repeat(14).trim()}`,
    `${' '.repeat(10)}${'word '.repeat(6).trim()}`,
    'b     12',
  ])
})
