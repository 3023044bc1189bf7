import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseMs } from '../../src/uplink/pause.ts'
import { keptPauseMs } from '../../src/uplink/sending/kept.ts'

const limits = { minMs: 1_000, maxMs: 30_000 }
const most = () => 0.999_999

test('pauses double up to the cap, and each is drawn between nothing and its limit', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) =>
    pauseMs({ attempt, hurry: 'soon', lostForMs: undefined, random: most }, limits),
  )
  assert.deepEqual(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  assert.equal(pauseMs({ attempt: 9, hurry: 'soon', lostForMs: undefined, random: () => 0 }, limits), 0)
})

test('a broker that is away for two seconds is found within one: tries come quickly right after a loss', () => {
  for (const attempt of [0, 3, 30]) {
    assert.ok(pauseMs({ attempt, hurry: 'soon', lostForMs: 2_000, random: most }, limits) < 1_000)
  }
  assert.equal(pauseMs({ attempt: 5, hurry: 'soon', lostForMs: 3_001, random: most }, limits), 30_000)
})

test('what only a human can correct is tried after one to five minutes, also right after a loss', () => {
  const slow = { attempt: 0, hurry: 'slow', lostForMs: 0 } as const
  assert.equal(pauseMs({ ...slow, random: () => 0 }, limits), 60_000)
  assert.equal(pauseMs({ ...slow, random: most }, limits), 300_000)
})

test('the pause after a refusal doubles from what the answer asks for, jittered by half', () => {
  assert.equal(
    keptPauseMs(1_000, 0, () => 0),
    500,
  )
  assert.ok(Math.abs(keptPauseMs(1_000, 3, most) - 8_000) < 1)
  assert.ok(keptPauseMs(1_000, 20, most) <= 60_000)
  assert.ok(keptPauseMs(60_000, 20, most) <= 300_000)
})
