import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OldestRows } from '../../src/outbox/operations.ts'
import { countOverAge, countOverSize, toRanges } from '../../src/outbox/retention.ts'

const rows = (monos: readonly number[], bytes = 0): OldestRows => ({
  seqs: Float64Array.from(monos, (_, index) => index + 1),
  boots: new Float64Array(monos.length).fill(1),
  monos: Float64Array.from(monos),
  targets: new Float64Array(monos.length),
  bytes,
})
const age = (_boot: number, mono: number) => 100 - mono

describe('how many records are too old', () => {
  for (const [monos, count] of [
    [[], 0],
    [[90, 95], 0],
    [[10, 20, 90], 2],
    [[10, 90, 20], 1],
    [[10, 20], 2],
    [[50], 0],
    [[49], 1],
  ] as const) {
    test(`stamps ${JSON.stringify(monos)}: ${count}`, () => {
      assert.equal(countOverAge(rows(monos), 50, age), count)
    })
  }
})

describe('how many records make room', () => {
  // A row costs its text and 40 bytes more.
  for (const [count, bytes, excess, expected] of [
    [10, 600, 0, 0],
    [10, 600, -5, 0],
    [0, 0, 100, 0],
    [10, 600, 1, 1],
    [10, 600, 100, 1],
    [10, 600, 101, 2],
    [10, 600, 1e9, 10],
  ] as const) {
    test(`${count} rows of ${bytes} bytes, ${excess} too much: ${expected}`, () => {
      assert.equal(countOverSize(rows(Array(count).fill(0), bytes), excess), expected)
    })
  }
})

test('ascending numbers are removed by range', () => {
  assert.deepEqual(toRanges([]), [])
  assert.deepEqual(toRanges([3, 4, 5, 9, 11, 12]), [
    [3, 5],
    [9, 9],
    [11, 12],
  ])
})
