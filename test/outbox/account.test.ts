import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Account } from '../../src/outbox/account.ts'
import { Epochs } from '../../src/outbox/epochs.ts'

const epoch = (start: number, firstSeq: number) => ({ start, tag: `${start}-aa`, gateway: 'gw', firstSeq })
const epochs = new Epochs([epoch(1, 1), epoch(2, 11), epoch(3, 21)])
const none = { delivered: 0, dropped: 0, rejected: 0, notWanted: 0, skipped: 0, replayed: 0 }

describe('the books of an uplink', () => {
  test('every number is booked in the epoch that issued it', () => {
    const account = new Account(epochs)
    account.add(10, 'delivered')
    account.add(11, 'rejected')
    account.add(25, 'dropped', 3)
    assert.deepEqual(
      [...account.entries()],
      [
        [1, { ...none, delivered: 1 }],
        [2, { ...none, rejected: 1 }],
        [3, { ...none, dropped: 3 }],
      ],
    )
    assert.equal(account.settled, 5)
    assert.deepEqual(account.totals(), { ...none, delivered: 1, rejected: 1, dropped: 3 })
  })

  test('a range is booked over the ends of epochs', () => {
    const account = new Account(epochs)
    account.addRange(9, 22, 'skipped')
    assert.deepEqual(
      [...account.entries().values()].map(({ skipped }) => skipped),
      [2, 10, 2],
    )
  })

  test('issued counts the epochs in the books, the running one up to the head', () => {
    const account = new Account(epochs)
    account.open(2)
    account.open(3)
    assert.equal(account.issued(25), 10 + 5)
    assert.equal(account.issued(20), 10)
  })

  test('only what changed is stored, once', () => {
    const account = new Account(epochs, [[1, { ...none, delivered: 10 }]])
    assert.deepEqual(account.takeChanged(), [])
    account.open(3)
    account.open(1)
    account.add(21, 'delivered')
    assert.deepEqual(account.takeChanged(), [[3, { ...none, delivered: 1 }]])
    assert.deepEqual(account.takeChanged(), [])
    assert.equal(account.settled, 11)
  })

  test('what is taken for storing does not change any more', () => {
    const account = new Account(epochs)
    account.add(21, 'delivered')
    const taken = account.takeChanged()
    account.add(22, 'delivered')
    assert.deepEqual(taken, [[3, { ...none, delivered: 1 }]])
  })

  test('the rest of epochs that are over is booked as skipped, that of the running one is not', () => {
    const account = new Account(epochs, [[1, { ...none, delivered: 4 }]])
    account.open(2)
    account.open(3)
    account.skipRest(20)
    account.skipRest(20)
    assert.deepEqual(
      [...account.entries()],
      [
        [1, { ...none, delivered: 4, skipped: 6 }],
        [2, { ...none, skipped: 10 }],
        [3, none],
      ],
    )
    assert.equal(account.issued(30) - account.settled, 10)
  })
})
