import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Window } from '../../../src/uplink/sending/window.ts'

test('as many messages as the ceiling are in flight, and not one more', () => {
  const window = new Window(3)
  for (let sent = 0; sent < 3; sent++) {
    assert.ok(window.free > 0)
    window.sent()
  }
  assert.equal(window.free, 0)
  window.settled()
  assert.equal(window.free, 1)
})

test('a ceiling of nothing is a ceiling of one, because something has to move', () => {
  assert.equal(new Window(0).limit, 1)
})

test('a full window of refusals halves the limit once', () => {
  const window = new Window(64)
  const numbers = Array.from({ length: 64 }, () => window.sent())
  for (const number of numbers) {
    window.settled()
    window.shrink(number)
  }
  assert.equal(window.limit, 32)
})

test('a refusal of a message sent after the shrink halves it again, down to one and never to none', () => {
  const window = new Window(8)
  for (let round = 0; round < 10; round++) {
    const number = window.sent()
    window.settled()
    window.shrink(number)
  }
  assert.equal(window.limit, 1)
  assert.equal(window.free, 1)
})

test('it grows back by one for each limit of acknowledgements, up to the ceiling', () => {
  const window = new Window(4)
  window.shrink(window.sent())
  window.settled()
  assert.equal(window.limit, 2)
  window.grow()
  assert.equal(window.limit, 2)
  window.grow()
  assert.equal(window.limit, 3)
  for (let acknowledged = 0; acknowledged < 100; acknowledged++) window.grow()
  assert.equal(window.limit, 4)
})

test('whatever happens, the limit stays between one and the ceiling and nothing goes out beyond it', () => {
  const actions = fc.array(fc.constantFrom('send', 'accept', 'refuse'), { maxLength: 300 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), actions, (ceiling, list) => {
      const window = new Window(ceiling)
      const flying: number[] = []
      for (const action of list) {
        if (action === 'send' && window.free > 0) flying.push(window.sent())
        const number = action === 'send' ? undefined : flying.shift()
        if (number !== undefined) {
          window.settled()
          if (action === 'accept') window.grow()
          else window.shrink(number)
        }
        assert.ok(window.limit >= 1 && window.limit <= ceiling)
        assert.ok(window.inFlight <= ceiling)
        assert.equal(window.inFlight, flying.length)
      }
    }),
  )
})
