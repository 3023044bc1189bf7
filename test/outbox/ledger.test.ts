import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Ledger } from '../../src/outbox/ledger.ts'
import type { LossRow } from '../../src/outbox/operations.ts'

const row: LossRow = {
  uplink: 1,
  reason: 'max_size',
  first: 10,
  last: 20,
  count: 7,
  firstBoot: 1,
  firstMono: 100,
  lastBoot: 1,
  lastMono: 200,
}
const names: Readonly<Record<number, string>> = { 1: 'north', 2: 'south' }
const context = {
  wallOf: (boot: number, mono: number) => boot * 1_000_000 + mono,
  nameOf: (uplink: number) => names[uplink],
}
const lost = (seq: number, boot = 1) => ({ seq, boot, mono: seq * 10 })

describe('an episode of loss', () => {
  test('is one record with range, count, reason, first and last time', () => {
    const ledger = new Ledger()
    for (const seq of [5, 6, 9]) ledger.add(1, 'max_age', lost(seq), 1_000)
    const [record] = ledger.end(1_000 + 60_000, context)
    assert.deepEqual(JSON.parse(`{${record?.body}}`), {
      event: 'dropped',
      reason: 'max_age',
      first: 5,
      last: 9,
      count: 3,
      first_ts: 1_000_050,
      last_ts: 1_000_090,
    })
    assert.equal(record?.to, 'north')
    assert.equal(record?.kind, 'event')
    assert.equal(ledger.size, 0)
  })

  test('lasts until nothing was lost for a minute', () => {
    const ledger = new Ledger()
    ledger.add(1, 'max_age', lost(5), 0)
    ledger.add(1, 'max_age', lost(6), 50_000)
    assert.deepEqual(ledger.end(109_999, context), [])
    assert.equal(ledger.end(110_000, context).length, 1)
    assert.deepEqual(ledger.end(500_000, context), [])
  })

  test('is its own for each uplink and reason', () => {
    const ledger = new Ledger()
    ledger.add(1, 'max_age', lost(5), 0)
    ledger.add(2, 'max_age', lost(5), 0)
    ledger.add(1, 'memory', lost(6), 0)
    const records = ledger.end(60_000, context)
    const heads = records.map(({ to, body }) => `${to} ${/"reason":"(\w+)"/.exec(body)?.[1]}`)
    assert.deepEqual(heads.sort(), ['north max_age', 'north memory', 'south max_age'])
  })

  test('covers numbers that were lost out of order', () => {
    const ledger = new Ledger()
    for (const seq of [9, 5, 7]) ledger.add(1, 'max_size', lost(seq), 0)
    const { losses } = ledger.take()
    assert.deepEqual(
      { ...losses[0], touchedAt: 0 },
      {
        uplink: 1,
        reason: 'max_size',
        first: 5,
        last: 9,
        count: 3,
        firstBoot: 1,
        firstMono: 90,
        lastBoot: 1,
        lastMono: 70,
        touchedAt: 0,
      },
    )
  })

  test('of an absent uplink stays open until it is back', () => {
    const ledger = new Ledger([{ ...row, uplink: 3 }])
    assert.deepEqual(ledger.end(0, { ...context, force: true }), [])
    assert.deepEqual(ledger.take(), { losses: [], closedLosses: [] })
    const back = { ...context, nameOf: () => 'west' }
    assert.equal(ledger.end(0, back)[0]?.to, 'west')
    assert.deepEqual(ledger.take().closedLosses, [[3, 'max_size']])
  })
})

describe('the open page of the ledger', () => {
  test('goes on where the last run stopped', () => {
    const ledger = new Ledger([row])
    ledger.add(1, 'max_size', lost(25), 0)
    assert.equal(ledger.take().losses[0]?.count, 8)
  })

  test('of the last run ends at the start', () => {
    const ledger = new Ledger([row])
    assert.equal(ledger.end(0, context).length, 1)
  })

  test('is stored when it changed, once, and removed when the episode ended', () => {
    const ledger = new Ledger([row])
    assert.deepEqual(ledger.take(), { losses: [], closedLosses: [] })
    ledger.add(1, 'max_size', lost(25), 0)
    assert.equal(ledger.take().losses.length, 1)
    assert.deepEqual(ledger.take(), { losses: [], closedLosses: [] })
    ledger.add(1, 'max_size', lost(26), 0)
    ledger.end(0, { ...context, force: true })
    assert.deepEqual(ledger.take(), { losses: [], closedLosses: [[1, 'max_size']] })
  })
})
