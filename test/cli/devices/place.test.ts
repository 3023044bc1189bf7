import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  describePlace,
  parseExpected,
  parseStart,
  parseTable,
  parseUnit,
  parseUnits,
} from '../../../src/cli/devices/place.ts'

test('tables have the numbers of mbpoll, with or without its formats, and names', () => {
  const cases = {
    0: 'coil',
    1: 'discrete',
    3: 'input',
    4: 'holding',
    '4:float': 'holding',
    '3:int16': 'input',
    INPUT: 'input',
  }
  for (const [text, table] of Object.entries(cases)) assert.equal(parseTable(text), table)
  for (const wrong of ['2', '5', '', 'register']) assert.throws(() => parseTable(wrong), { code: 'usage' })
})

test('with a table the start counts from 0; without one, references are known by their digits', () => {
  const cases = [
    ['0', undefined, 'holding', 0],
    ['17', undefined, 'holding', 17],
    ['0x10', undefined, 'holding', 16],
    ['30001', undefined, 'input', 0],
    ['40013', undefined, 'holding', 12],
    ['400001', undefined, 'holding', 0],
    ['00005', undefined, 'coil', 4],
    ['10005', undefined, 'discrete', 4],
    ['30001', 'input', 'input', 30001],
    ['40070', 'holding', 'holding', 40070],
    ['20000', undefined, 'holding', 20000],
    ['65535', undefined, 'holding', 65535],
  ] as const
  for (const [start, table, register, address] of cases) {
    assert.deepEqual(parseStart(start, table), { register, address }, `${start} ${table}`)
  }
  assert.throws(() => parseStart('40000', undefined), { message: /count from 1/, hint: /-t holding -r 40000/ })
  for (const wrong of ['65536', '-1', 'x', '', '1.5'])
    assert.throws(() => parseStart(wrong, undefined), { code: 'usage' })
})

test('a place is told in both ways of counting', () => {
  assert.equal(describePlace({ register: 'input', address: 0 }, 2), 'input registers 0..1 (datasheet 30001..30002)')
  assert.equal(describePlace({ register: 'coil', address: 4 }, 1), 'coil 4 (datasheet 00005)')
})

test('ranges and lists of units', () => {
  assert.deepEqual(parseExpected('220..240'), { min: 220, max: 240 })
  assert.deepEqual(parseExpected('-1.5 .. 0'), { min: -1.5, max: 0 })
  for (const wrong of ['240..220', '220', '220-240', '']) assert.throws(() => parseExpected(wrong), { code: 'usage' })
  assert.deepEqual(parseUnits('1-3,7,5:6,2'), [1, 2, 3, 7, 5, 6])
  assert.deepEqual(['0', '247', '255'].map(parseUnit), [0, 247, 255])
  for (const wrong of ['256', '-1', '1.5', '1-3', '', ' ']) {
    assert.throws(() => parseUnit(wrong), { code: 'usage', message: /is no unit: expected 0 to 255/ })
  }
  for (const wrong of ['0-256', '3-1', 'a', '']) assert.throws(() => parseUnits(wrong), { code: 'usage' })
})
