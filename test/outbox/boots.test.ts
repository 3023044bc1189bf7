import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Boot, Boots } from '../../src/outbox/boots.ts'

const YEAR = 365 * 86_400_000
const NOW = Date.UTC(2026, 10, 21)

const boot = (number: number, options: Partial<Boot> = {}): Boot => ({
  boot: number,
  id: `boot-${number}`,
  offsetMs: NOW,
  known: false,
  ...options,
})

describe('wall time of a stamp', () => {
  test('is that of its own boot, known or not', () => {
    const boots = new Boots([boot(1, { offsetMs: 1_000, known: true })], boot(2, { offsetMs: 5_000 }))
    assert.equal(boots.wallOf(1, 50), 1_050)
    assert.equal(boots.wallOf(2, 50), 5_050)
    assert.equal(boots.isKnown(1), true)
    assert.equal(boots.isKnown(2), false)
    assert.equal(boots.isKnown(9), false)
  })

  test('is corrected for all records of the boot when the clock becomes known', () => {
    const boots = new Boots([], boot(1, { offsetMs: NOW - 56 * YEAR }))
    assert.equal(boots.wallOf(1, 1_000), NOW - 56 * YEAR + 1_000)
    boots.observe({ mono: 60_000, wall: NOW + 60_000, clockKnown: true })
    assert.equal(boots.wallOf(1, 1_000), NOW + 1_000)
    assert.equal(boots.isKnown(1), true)
    assert.equal(boots.knownOffset('boot-1'), NOW)
  })

  test('follows an unknown clock that is stepped, in either direction', () => {
    const boots = new Boots([], boot(1))
    boots.changed = false
    for (const years of [3, -20, 40]) {
      boots.observe({ mono: 0, wall: NOW + years * YEAR, clockKnown: false })
      assert.equal(boots.wallOf(1, 0), NOW + years * YEAR)
      assert.equal(boots.changed, true)
      boots.changed = false
    }
    assert.equal(boots.isKnown(1), false)
    assert.equal(boots.knownOffset('boot-1'), undefined)
  })

  test('does not follow steps of a clock nobody vouches for any more', () => {
    const boots = new Boots([], boot(1, { known: true }))
    boots.changed = false
    boots.observe({ mono: 0, wall: NOW - 30 * YEAR, clockKnown: false })
    assert.equal(boots.wallOf(1, 0), NOW)
    assert.equal(boots.isKnown(1), true)
    assert.equal(boots.changed, false)
  })

  test('is not renewed for a clock that is merely slewed', () => {
    const boots = new Boots([], boot(1, { known: true }))
    boots.changed = false
    boots.observe({ mono: 10_000, wall: NOW + 10_049, clockKnown: true })
    assert.equal(boots.changed, false)
    assert.equal(boots.wallOf(1, 0), NOW)
    boots.observe({ mono: 10_000, wall: NOW + 10_051, clockKnown: true })
    assert.equal(boots.changed, true)
    assert.equal(boots.wallOf(1, 0), NOW + 51)
  })
})

describe('age', () => {
  test('of a record of this boot is powered time, whatever the wall clock does', () => {
    const boots = new Boots([], boot(1))
    boots.observe({ mono: 5_000, wall: NOW + 50 * YEAR, clockKnown: true })
    assert.equal(boots.ageMs(1, 2_000, 5_000), 3_000)
  })

  test('across boots is wall time when both clocks are known', () => {
    const boots = new Boots([boot(1, { offsetMs: NOW - YEAR, known: true })], boot(2, { known: true }))
    assert.equal(boots.ageMs(1, 0, 1_000), YEAR + 1_000)
  })

  test('across boots counts only the time of this boot when one clock is unknown: it errs to younger', () => {
    for (const [before, now] of [
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      const boots = new Boots([boot(1, { offsetMs: NOW - 20 * YEAR, known: before })], boot(2, { known: now }))
      assert.equal(boots.ageMs(1, 0, 7_000), 7_000)
    }
  })

  test('is never negative, not even for a record of the future', () => {
    const boots = new Boots([boot(1, { offsetMs: NOW + YEAR, known: true })], boot(2, { known: true }))
    assert.equal(boots.ageMs(1, 0, 1_000), 0)
  })
})
