import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { SteppedClock } from '../support/outbox-clock.ts'
import { assertBooks, readAll, Site } from '../support/outbox-site.ts'

const NORTH: UplinkIdentity = { name: 'north', startAt: 'tail' }

describe('a second uplink begins', () => {
  const cases: readonly [string, (at: (seq: number) => number) => UplinkIdentity['startAt'], number][] = [
    ['with the oldest stored record', () => 'head', 1],
    ['with this epoch', () => 'tail', 11],
    ['with a number', () => ({ seq: 6 }), 6],
    ['with a number that is not there any more: the oldest', () => ({ seq: -5 }), 1],
    ['with a number that is not there yet: this epoch', () => ({ seq: 1_000 }), 11],
    ['with the first record of a time', (at) => ({ ts: at(7) - 20 }), 7],
    ['with the first record after a time', (at) => ({ ts: at(7) + 20 }), 8],
    ['with a time before everything', () => ({ ts: 0 }), 1],
    ['with a time after everything: this epoch', (at) => ({ ts: at(10) + 20 }), 11],
  ]
  for (const [name, startAtOf, first] of cases) {
    test(name, async (t) => {
      const clock = new SteppedClock()
      const site = await Site.open(t, { clock })
      for (let i = 0; i < 9; i += 1) {
        clock.monoStep += 1_000
        await site.durable(1)
      }
      const times = new Map((await readAll(site.cursor())).map(({ seq, ts }) => [seq, ts]))
      await site.abandon()
      const startAt = startAtOf((seq) => times.get(seq) ?? Number.NaN)
      const next = await Site.open(t, {
        folder: dirname(site.file),
        clock,
        uplinks: [NORTH, { name: 'south', startAt }],
      })
      const records = await readAll(next.cursor('south'))
      assert.equal(records[0]?.seq, first)
      assert.equal(records.length, 11 - first + 1)
      next.cursor('south').delivered(records)
      assertBooks(next, 'south', 0)
      await next.durable(0)
      await next.abandon()
      // What is configured counts only once.
      const last = await Site.open(t, {
        folder: dirname(site.file),
        clock,
        uplinks: [NORTH, { name: 'south', startAt: 'head' }],
      })
      assert.equal((await readAll(last.cursor('south')))[0]?.seq, 12)
    })
  }
})
