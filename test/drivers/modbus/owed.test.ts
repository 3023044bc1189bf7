import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { approach, isAmbiguous, OWED_MAX_MS, type Owed, remember, stillOwed } from '../../../src/drivers/modbus/owed.ts'

const holding = { functionCode: 3, countMax: 125 }

function owed(functionCode: number, ...bytes: readonly number[]): readonly Owed[] {
  return bytes.map((count) => ({ functionCode, bytes: count, since: 0 }))
}

describe('a reply that is still owed', () => {
  it('changes nothing when its length differs from the one expected now', () => {
    assert.deepEqual(approach({ ...holding, count: 2 }, owed(3, 2)), { how: 'plain' })
  })

  it('changes nothing when its function differs', () => {
    assert.deepEqual(approach({ ...holding, count: 2 }, owed(4, 4)), { how: 'plain' })
  })

  it('makes a shorter request go first, then a longer one', () => {
    assert.deepEqual(approach({ ...holding, count: 2 }, owed(3, 4)), { how: 'first', count: 1 })
    assert.deepEqual(approach({ ...holding, count: 2 }, owed(3, 4, 2)), { how: 'first', count: 3 })
    assert.deepEqual(approach({ ...holding, count: 1 }, owed(3, 2)), { how: 'first', count: 2 })
  })

  it('makes reads be compared when no other length is left', () => {
    assert.deepEqual(approach({ functionCode: 3, countMax: 2, count: 1 }, owed(3, 2, 4)), { how: 'compare' })
  })

  it('of bits is told apart by whole bytes only', () => {
    assert.deepEqual(approach({ functionCode: 1, countMax: 2_000, count: 3 }, owed(1, 1)), { how: 'first', count: 9 })
    assert.deepEqual(approach({ functionCode: 1, countMax: 2_000, count: 12 }, owed(1, 2)), { how: 'first', count: 8 })
  })

  it('makes an exception of the same function ambiguous', () => {
    assert.equal(isAmbiguous(3, owed(3, 2)), true)
    assert.equal(isAmbiguous(4, owed(3, 2)), false)
  })

  it('is forgotten after a minute', () => {
    const one = remember([], { functionCode: 3, bytes: 2, since: 1_000 })
    assert.equal(stillOwed(one, 1_000 + OWED_MAX_MS - 1).length, 1)
    assert.equal(stillOwed(one, 1_000 + OWED_MAX_MS).length, 0)
  })

  it('is remembered in limited number, the oldest goes', () => {
    let all: readonly Owed[] = []
    for (let index = 0; index < 100; index++) all = remember(all, { functionCode: 3, bytes: index, since: index })
    assert.equal(all.length, 32)
    assert.equal(all.at(-1)?.bytes, 99)
  })
})
