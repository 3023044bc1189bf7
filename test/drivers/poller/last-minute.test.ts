import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LastMinute, MINUTE_MS } from '../../../src/drivers/poller/last-minute.ts'

describe('the time in use during the last minute', () => {
  it('is what was at work in the last minute', () => {
    const busy = new LastMinute()
    assert.equal(busy.sum(1_000), 0)
    busy.addSpan(1_000, 3_500)
    busy.addSpan(9_000, 11_000)
    assert.equal(busy.sum(12_000), 4_500)
    assert.equal(busy.sum(66_000), 1_800, 'of the slot that is left behind, a share')
    assert.equal(busy.sum(72_000), 600)
    assert.equal(busy.sum(80_000), 0)
  })

  it('of a long call only the last minute counts', () => {
    const busy = new LastMinute()
    busy.addSpan(0, 500_000)
    assert.equal(busy.sum(500_000), MINUTE_MS)
  })

  it('is right to within one slot of five seconds', () => {
    const calls = fc.array(fc.tuple(fc.nat(8_000), fc.nat(8_000)), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(calls, fc.nat(10_000), (pairs, after) => {
        const busy = new LastMinute()
        const spans: [number, number][] = []
        let now = 0
        for (const [idle, work] of pairs) {
          now += idle
          spans.push([now, now + work])
          busy.addSpan(now, now + work)
          now += work
        }
        now += after
        const within = (windowMs: number) =>
          spans.reduce((sum, [from, to]) => sum + Math.max(0, to - Math.max(from, now - windowMs)), 0)
        const ms = busy.sum(now)
        assert.ok(ms <= within(MINUTE_MS + 5_000) && ms >= within(MINUTE_MS - 5_000), `${ms}`)
      }),
    )
  })
})
