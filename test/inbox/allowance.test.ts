import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Allowance, take } from '../../src/inbox/allowance.ts'

const rate = { commands: 3, perMs: 60_000 }

test('so many may come at once, and then one each time its share of the period has passed', () => {
  let allowance: Allowance | undefined
  const ask = (mono: number) => {
    const { after, waitMs } = take(rate, allowance, mono)
    allowance = after
    return waitMs
  }
  assert.deepEqual([ask(0), ask(0), ask(0)], [0, 0, 0])
  assert.equal(ask(0), 20_000)
  assert.equal(ask(5_000), 15_000)
  assert.equal(ask(19_999), 1)
  assert.equal(ask(20_000), 0)
  assert.equal(ask(20_000), 20_000)
  assert.deepEqual([ask(1e9), ask(1e9), ask(1e9)], [0, 0, 0])
  assert.equal(ask(1e9), 20_000)
})

test('whatever comes when: never more than twice the number in a period, and after the wait that is told there is one', () => {
  const gaps = fc.array(fc.nat({ max: 40_000 }), { minLength: 1, maxLength: 200 })
  const rates = fc.record({
    commands: fc.integer({ min: 1, max: 20 }),
    perMs: fc.integer({ min: 1_000, max: 3_600_000 }),
  })
  fc.assert(
    fc.property(rates, gaps, (some, pauses) => {
      let allowance: Allowance | undefined
      let now = 0
      const taken: number[] = []
      for (const pause of pauses) {
        now += pause
        const { after, waitMs } = take(some, allowance, now)
        if (waitMs === 0) taken.push(now)
        else assert.equal(take(some, after, now + waitMs).waitMs, 0)
        allowance = after
      }
      for (const from of taken) {
        const within = taken.filter((at) => at >= from && at < from + some.perMs).length
        assert.ok(within <= 2 * some.commands, `${within} in one period`)
      }
    }),
  )
})
