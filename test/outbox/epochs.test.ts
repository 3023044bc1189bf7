import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Epoch, Epochs } from '../../src/outbox/epochs.ts'

const epoch = (start: number, firstSeq: number, gateway = 'gw'): Epoch => ({
  start,
  tag: `${start}-aa`,
  gateway,
  firstSeq,
})

describe('epochs own the numbers up to the next one', () => {
  // Epoch 3 issued nothing that became durable: its numbers begin where those of epoch 4 begin.
  const epochs = new Epochs([epoch(1, 1), epoch(2, 11, 'old-name'), epoch(3, 21), epoch(4, 21)])

  for (const [seq, start] of [
    [1, 1],
    [10, 1],
    [11, 2],
    [20, 2],
    [21, 4],
    [1_000_000, 4],
  ] as const) {
    test(`${seq} belongs to epoch ${start}`, () => {
      assert.equal(epochs.of(seq).start, start)
    })
  }

  test('the order of questions does not matter', () => {
    for (const seq of [21, 1, 20, 11, 500, 10]) {
      const expected = seq >= 21 ? 4 : seq >= 11 ? 2 : 1
      assert.equal(epochs.of(seq).start, expected, String(seq))
    }
  })

  test('numbers older than the oldest known epoch belong to it', () => {
    assert.equal(new Epochs([epoch(7, 100), epoch(8, 200)]).of(3).start, 7)
  })

  test('an id carries the gateway name of its time', () => {
    assert.equal(epochs.idPrefix(15), 'old-name/2-aa/')
    assert.equal(epochs.idPrefix(25), 'gw/4-aa/')
  })

  test('a range is shared among the epochs that issued it', () => {
    const shares: [number, number, number][] = []
    epochs.share(5, 30, ({ start }, from, to) => shares.push([start, from, to]))
    assert.deepEqual(shares, [
      [1, 5, 10],
      [2, 11, 20],
      [4, 21, 30],
    ])
  })

  test('an epoch that issued nothing ends before it begins', () => {
    assert.equal(epochs.throughOf(epoch(3, 21)), 20)
    assert.equal(epochs.throughOf(epochs.running), Number.POSITIVE_INFINITY)
    assert.equal(epochs.byStart(2)?.firstSeq, 11)
    assert.equal(epochs.byStart(9), undefined)
  })
})
