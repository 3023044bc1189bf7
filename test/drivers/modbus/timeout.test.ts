import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onLateReply, onLoss, onReply, type Pace, timeoutOf, unknownPace } from '../../../src/drivers/modbus/timeout.ts'

const limits = { minMs: 150, maxMs: 1_000 }
const quick = replies(unknownPace, 20, 20)
const slow = replies(unknownPace, 200, 20)

describe('how long a reply is waited for', () => {
  const rows: readonly (readonly [string, Pace, number])[] = [
    ['in full while nothing is known', unknownPace, 1_000],
    ['four times the usual time', slow, 800],
    ['not below the floor', quick, 150],
    ['not above the ceiling', replies(unknownPace, 600, 5), 1_000],
    ['in full after one loss', onLoss(quick), 1_000],
    ['short again for the probes of a silent unit', losses(quick, 2), 150],
    ['the eighth probe in full: it may have become slow', losses(quick, 8), 1_000],
    ['the ninth not', losses(quick, 9), 150],
    ['the sixteenth again', losses(quick, 16), 1_000],
    ['short for a unit that never answered', losses(unknownPace, 2), 150],
    ['in full once a late reply was heard', onLateReply(losses(quick, 2), 700), 1_000],
    ['short again after a reply, whatever came before', onReply(losses(quick, 7), 20), 150],
  ]
  for (const [name, pace, expected] of rows) {
    it(name, () => assert.equal(timeoutOf(pace, limits), expected))
  }

  it('the first peak is not forgotten by the next quick reply, but in the end', () => {
    const once = replies(onReply(quick, 200), 20, 5)
    assert.ok(timeoutOf(once, limits) > 700, `${timeoutOf(once, limits)}`)
    assert.equal(timeoutOf(replies(once, 20, 400), limits), 150)
  })

  it('replies lost one by one between others make it longer, and calm makes it shorter again', () => {
    let pace = slow
    for (let round = 0; round < 3; round++) pace = onReply(onLoss(pace), 200)
    assert.equal(timeoutOf(pace, limits), 1_000)
    assert.equal(timeoutOf(replies(pace, 200, 5_000), limits), 800)
  })

  it('a unit that was dead for long comes back with the times it had', () => {
    assert.equal(timeoutOf(onReply(losses(slow, 9), 200), limits), 800)
  })

  it('floor and ceiling alike switch it off', () => {
    const fixed = { minMs: 1_000, maxMs: 1_000 }
    for (const pace of [unknownPace, quick, losses(quick, 3), losses(unknownPace, 2)]) {
      assert.equal(timeoutOf(pace, fixed), 1_000)
    }
  })

  it('a late reply counts only for a unit that lost one', () => {
    assert.deepEqual(onLateReply(quick, 5_000), quick)
  })

  it('the usual time follows, with a lag', () => {
    const usual = replies(quick, 100, 8).latency?.usualMs ?? 0
    assert.ok(usual > 50 && usual < 100, `${usual}`)
  })
})

function replies(from: Pace, latencyMs: number, count: number): Pace {
  return Array.from({ length: count }).reduce<Pace>((pace) => onReply(pace, latencyMs), from)
}

function losses(from: Pace, count: number): Pace {
  return Array.from({ length: count }).reduce<Pace>((pace) => onLoss(pace), from)
}
