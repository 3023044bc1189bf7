import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rates } from '../../src/outbox/rates.ts'

function rig() {
  const state = { now: 0, total: 0 }
  const clock = { mono: () => state.now, wait: () => new Promise<void>(() => {}) }
  const rates = new Rates(clock, () => new Map([['cloud', state.total]]))
  const pass = (ms: number, perSecond: number) => {
    for (let at = 0; at < ms; at += 5_000) {
      state.now += 5_000
      state.total += perSecond * 5
      rates.sample()
    }
  }
  return { state, rates, pass }
}

test('a rate is that of the last minute, not of all times', () => {
  const { rates, pass } = rig()
  rates.sample()
  pass(600_000, 10)
  assert.equal(rates.perSecond('cloud'), 10)
  pass(60_000, 2)
  assert.equal(rates.perSecond('cloud'), 2)
})

test('shortly after the start it is what there is, and nothing in the first second', () => {
  const { state, rates } = rig()
  assert.equal(rates.perSecond('cloud'), undefined)
  rates.sample()
  state.now = 900
  assert.equal(rates.perSecond('cloud'), undefined)
  state.now = 2_000
  state.total = 6
  assert.equal(rates.perSecond('cloud'), 3)
  assert.equal(rates.perSecond('nobody'), 0)
})
