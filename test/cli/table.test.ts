import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut, displayWidth, table } from '../../src/cli/table.ts'

test('Chinese names take two cells each, combining accents and colours none', () => {
  assert.equal(displayWidth('boiler'), 6)
  assert.equal(displayWidth('锅炉-1'), 6)
  assert.equal(displayWidth('e\u0301'), 1)
  assert.equal(displayWidth('\u001b[31mred\u001b[39m'), 3)
  assert.equal(displayWidth('22 °C'), 5)
})

test('columns line up behind names of any width', () => {
  assert.deepEqual(
    table([
      ['NAME', 'state'],
      ['锅炉', 'online'],
      ['bus-a', 'x'],
    ]),
    ['NAME   state', '锅炉   online', 'bus-a  x'],
  )
})

test('a long remark at the end of one row leaves no blanks at the ends of the others', () => {
  const lines = table([
    ['a', 'b', ''],
    ['c', 'd', '! a very long remark'],
  ])
  assert.deepEqual(lines, ['a  b', 'c  d  ! a very long remark'])
})

test('numbers are aligned at their right, also in the last column', () => {
  const rows = [
    ['NAME', 'count', 'rate'],
    ['a', '5', '12.5'],
    ['b', '1 234', '-'],
  ]
  assert.deepEqual(table(rows, { right: [1, 2] }), ['NAME  count  rate', 'a         5  12.5', 'b     1 234     -'])
})

test('a long line is cut where the terminal ends, by cells', () => {
  assert.equal(cut('boiler', 6), 'boiler')
  assert.equal(cut('boilers', 6), 'boile…')
  assert.equal(cut('锅炉锅炉', 6), '锅炉…')
  assert.equal(cut('boilers', Number.POSITIVE_INFINITY), 'boilers')
})
