import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Ranges } from '../../src/outbox/ranges.ts'

describe('ranges merge what touches and keep apart what does not', () => {
  for (const [before, added, after] of [
    ['', '5', '5'],
    ['1-4', '5-6', '1-6'],
    ['1-4', '6', '1-4 6'],
    ['3-4', '1-2', '1-4'],
    ['3-4', '1', '1 3-4'],
    ['1-2 4-5 7-8', '3-6', '1-8'],
    ['1-2 4-5 7-8', '3', '1-5 7-8'],
    ['1-10', '3-4', '1-10'],
    ['4-5', '1-10', '1-10'],
    ['1-2', '5-4', '1-2'],
    ['0', '1', '0-1'],
  ] as const) {
    test(`"${before}" with ${added} is ${after}`, () => {
      const ranges = new Ranges(pairs(before))
      for (const [from, to] of pairs(added)) ranges.add(from, to)
      assert.deepEqual(ranges.toJSON(), pairs(after))
    })
  }
})

function pairs(words: string): [number, number][] {
  return words
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => word.split('-').map(Number))
    .map(([from = 0, to = from]) => [from, to])
}

test('an empty list has nothing in it', () => {
  const ranges = new Ranges()
  assert.equal(ranges.size, 0)
  assert.equal(ranges.last, 0)
  assert.equal(ranges.has(0), false)
  assert.equal(ranges.nextOutside(7), 7)
  assert.equal(ranges.lastBefore(7), 0)
})

test('ranges that end at or below a number are taken out, one that goes beyond it stays whole', () => {
  for (const [through, left] of [
    [0, '1-4 6-9 12'],
    [3, '1-4 6-9 12'],
    [4, '6-9 12'],
    [8, '6-9 12'],
    [9, '12'],
    [20, ''],
  ] as const) {
    const ranges = new Ranges(pairs('1-4 6-9 12'))
    ranges.forgetThrough(through)
    assert.deepEqual(ranges.toJSON(), pairs(left), `through ${through}`)
  }
})

test('ranges answer every question as a set of numbers does', () => {
  const numbers = fc.integer({ min: 1, max: 40 })
  const span = fc
    .tuple(numbers, fc.integer({ min: -1, max: 5 }))
    .map(([from, length]) => [from, from + length] as const)
  fc.assert(
    fc.property(fc.array(span, { maxLength: 25 }), (spans) => {
      const ranges = new Ranges()
      const set = new Set<number>()
      for (const [from, to] of spans) {
        ranges.add(from, to)
        for (let number = from; number <= to; number += 1) set.add(number)
        compare(ranges, set)
      }
      assert.deepEqual(new Ranges(ranges.toJSON()).toJSON(), ranges.toJSON())
    }),
    { numRuns: 300 },
  )
})

function compare(ranges: Ranges, set: ReadonlySet<number>): void {
  const sorted = [...set].sort((a, b) => a - b)
  assert.equal(ranges.last, sorted.at(-1) ?? 0)
  assert.equal(ranges.size, sorted.filter((number) => !set.has(number - 1)).length)
  for (let seq = 0; seq <= 50; seq += 1) {
    assert.equal(ranges.has(seq), set.has(seq), `has ${seq}`)
    let outside = seq
    while (set.has(outside)) outside += 1
    assert.equal(ranges.nextOutside(seq), outside, `next outside ${seq}`)
    assert.equal(ranges.lastBefore(seq), sorted.filter((number) => number < seq).at(-1) ?? 0, `last before ${seq}`)
  }
}
